; gcd.asm - coprime pairs, by Euclid's algorithm
;
; Counts the pairs (a, b) with a and b from 1 to 300 whose greatest common divisor is
; 1, 20 times over. Euclid as he had it: take the smaller from the greater until
; both are the same.
;
; Prints 54795. For each a there are phi(a) numbers up to a coprime to it (Euler), so
; the pairs are twice the sum of phi(1) to phi(300), less the pair (1, 1) that this
; counts twice: 2 * 27398 - 1.
;
; instructions: 297977475

            .ORIG x3000

            LD    R0, PASSES
            ST    R0, LEFT

PASS        AND   R6, R6, #0        ; R6 = coprime pairs
            LD    R4, BOUND         ; R4 = a
EACHA       LD    R5, BOUND         ; R5 = b
EACHB       ADD   R1, R4, #0
            ADD   R2, R5, #0

; R1 and R2 become their greatest common divisor.
EUCLID      NOT   R3, R2
            ADD   R3, R3, #1
            ADD   R3, R3, R1        ; R3 = R1 - R2
            BRz   SAME
            BRp   GREATER
            NOT   R3, R3
            ADD   R2, R3, #1        ; R2 = R2 - R1
            BRnzp EUCLID
GREATER     ADD   R1, R3, #0
            BRnzp EUCLID

SAME        ADD   R1, R1, #-1
            BRp   COMMON
            ADD   R6, R6, #1
COMMON      ADD   R5, R5, #-1
            BRp   EACHB
            ADD   R4, R4, #-1
            BRp   EACHA

            LD    R0, LEFT
            ADD   R0, R0, #-1
            ST    R0, LEFT
            BRp   PASS

            ADD   R0, R6, #0
            JSR   PRINTNUM
            LEA   R0, TEXT
            PUTS
            HALT

PASSES      .FILL #20
LEFT        .BLKW #1
BOUND       .FILL #300
TEXT        .STRINGZ " coprime pairs\n"

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
