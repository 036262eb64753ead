; divide.asm - perfect numbers, by long division in software
;
; A number is perfect if it is the sum of the numbers that divide it, itself left out.
; For each n up to 2000 every d up to n / 2 is tried: DIVIDE computes quotient
; and remainder as on paper, but in binary.
;
; Prints 6, 28 and 496, a line each: the first perfect numbers. The next is 8128.
;
; instructions: 172791121

            .ORIG x3000

            AND   R4, R4, #0
            ADD   R4, R4, #2        ; R4 = n
EACHN       AND   R5, R5, #0
            ADD   R5, R5, #1        ; R5 = d
            AND   R6, R6, #0        ; R6 = the sum of what divides n

EACHD       ADD   R0, R4, #0
            ADD   R1, R5, #0
            JSR   DIVIDE
            ADD   R0, R2, #-1       ; a quotient of 1: d is more than n / 2
            BRz   TRIED
            ADD   R3, R3, #0
            BRp   NOTTHIS
            ADD   R6, R6, R5
NOTTHIS     ADD   R5, R5, #1
            BRnzp EACHD

TRIED       NOT   R0, R6
            ADD   R0, R0, #1
            ADD   R0, R0, R4
            BRnp  NEXTN
            ADD   R0, R4, #0
            JSR   PRINTNUM
            LEA   R0, NEWLINE
            PUTS
NEXTN       ADD   R4, R4, #1
            LD    R0, MINUSBOUND
            ADD   R0, R0, R4
            BRnz  EACHN
            HALT

MINUSBOUND  .FILL #-2000
NEWLINE     .STRINGZ "\n"

; DIVIDE: R2 = R0 / R1, R3 = the remainder, for R1 up to 16384. It changes R0 and R1.
; Sixteen times the next bit of the number goes down into the remainder, which, where
; it has become great enough, gives up the divisor and a one goes into the quotient.

DIVIDE      ST    R4, DSAVE4
            ST    R5, DSAVE5
            NOT   R1, R1
            ADD   R1, R1, #1        ; R1 = -divisor
            AND   R2, R2, #0
            AND   R3, R3, #0
            LD    R4, DBITS         ; R4 = bits to go
DBIT        ADD   R2, R2, R2
            ADD   R3, R3, R3
            ADD   R0, R0, #0
            BRzp  DZERO
            ADD   R3, R3, #1        ; the top bit is one
DZERO       ADD   R0, R0, R0
            ADD   R5, R3, R1
            BRn   DLESS
            ADD   R3, R5, #0
            ADD   R2, R2, #1
DLESS       ADD   R4, R4, #-1
            BRp   DBIT
            LD    R4, DSAVE4
            LD    R5, DSAVE5
            RET
DBITS       .FILL #16
DSAVE4      .BLKW #1
DSAVE5      .BLKW #1

; PRINTNUM prints R0 as an unsigned decimal number and keeps every register.
; For each power of ten it counts how often that can be taken away: the count
; is the digit. Zeros in front are not printed, the last digit always is.

PRINTNUM    ST    R0, PNSAVE0
            ST    R1, PNSAVE1
            ST    R2, PNSAVE2
            ST    R3, PNSAVE3
            ST    R4, PNSAVE4
            ST    R5, PNSAVE5
            ST    R7, PNSAVE7
            ADD   R1, R0, #0        ; R1 = what is left of the number
            LEA   R2, PNPOWERS      ; R2 = where the next power of ten is
            AND   R3, R3, #0        ; R3 = 0 until a digit has been printed
PNPOWER     LDR   R4, R2, #0        ; R4 = -10000, -1000, -100, -10, then 0
            BRz   PNUNITS
            AND   R5, R5, #0        ; R5 = the digit
PNTAKE      ADD   R1, R1, #0
            BRn   PNENOUGH          ; 32768 or more: enough for any power
            ADD   R0, R1, R4
            BRn   PNDIGIT           ; less than the power is left
PNENOUGH    ADD   R1, R1, R4
            ADD   R5, R5, #1
            BRnzp PNTAKE
PNDIGIT     ADD   R3, R3, R5
            BRz   PNNEXT            ; a zero in front
            LD    R0, PNZERO
            ADD   R0, R0, R5
            OUT
PNNEXT      ADD   R2, R2, #1
            BRnzp PNPOWER
PNUNITS     LD    R0, PNZERO
            ADD   R0, R0, R1
            OUT
            LD    R0, PNSAVE0
            LD    R1, PNSAVE1
            LD    R2, PNSAVE2
            LD    R3, PNSAVE3
            LD    R4, PNSAVE4
            LD    R5, PNSAVE5
            LD    R7, PNSAVE7
            RET
PNZERO      .FILL x30               ; the character 0
PNPOWERS    .FILL #-10000
            .FILL #-1000
            .FILL #-100
            .FILL #-10
            .FILL #0
PNSAVE0     .BLKW #1
PNSAVE1     .BLKW #1
PNSAVE2     .BLKW #1
PNSAVE3     .BLKW #1
PNSAVE4     .BLKW #1
PNSAVE5     .BLKW #1
PNSAVE7     .BLKW #1
            .END
