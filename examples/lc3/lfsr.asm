; lfsr.asm - the period of a linear feedback shift register
;
; A Galois register of 16 bits: shift left, and where a one went out at the top, XOR
; with x100B. That stands for the polynomial x^16 + x^12 + x^3 + x + 1, which is
; primitive: from any start but 0, the register goes through all 65,535 other
; values before it comes back.
;
; The program takes the starts 350, 349 ... 1, and counts the steps of
; each until the start is back. Prints the last of the counts, 65535, and for how many
; starts it was that: "period 65535 from 350 of 350 starts".
;
; The machine has no XOR, but a XOR b = a + b - 2 (a AND b).
;
; instructions: 206439973

            .ORIG x3000

            LD    R6, STARTS        ; R6 = the start
            LD    R2, FEEDBACK
            AND   R7, R7, #0        ; R7 = starts with the full period

START       ADD   R0, R6, #0        ; R0 = the register
            NOT   R4, R6
            ADD   R4, R4, #1        ; R4 = -start, to compare with
            AND   R5, R5, #0        ; R5 = steps

STEP        ADD   R5, R5, #1
            ADD   R0, R0, #0
            BRn   ONE
            ADD   R0, R0, R0        ; a zero goes out at the top
            ADD   R1, R0, R4
            BRnp  STEP
            BRnzp BACK
ONE         ADD   R0, R0, R0        ; a one goes out at the top
            AND   R3, R0, R2
            ADD   R3, R3, R3
            NOT   R3, R3
            ADD   R3, R3, #1
            ADD   R0, R0, R2
            ADD   R0, R0, R3        ; R0 = R0 XOR x100B
            ADD   R1, R0, R4
            BRnp  STEP

BACK        ADD   R1, R5, #1        ; 65535 is -1
            BRnp  NEXT
            ADD   R7, R7, #1
NEXT        ADD   R6, R6, #-1
            BRp   START

; The traps may change R7, so it moves.
            ADD   R6, R7, #0
            LEA   R0, TEXTPERIOD
            PUTS
            ADD   R0, R5, #0
            JSR   PRINTNUM
            LEA   R0, TEXTFROM
            PUTS
            ADD   R0, R6, #0
            JSR   PRINTNUM
            LEA   R0, TEXTOF
            PUTS
            HALT

STARTS      .FILL #350
FEEDBACK    .FILL x100B
TEXTPERIOD  .STRINGZ "period "
TEXTFROM    .STRINGZ " from "
TEXTOF      .STRINGZ " of 350 starts\n"

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
