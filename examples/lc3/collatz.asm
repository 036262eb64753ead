; collatz.asm - the longest Collatz chain, in 32-bit arithmetic
;
; From n, a step leads to n / 2 where n is even and to 3n + 1 where it is odd; all known
; chains reach 1. Which start below 30,000 takes the most steps?
;
; The numbers in a chain go far beyond 16 bits (from 26,623 up to 106,358,020), so n is
; a pair of registers: R2 the high word, R1 the low one. The machine can't shift to
; the right: h = n / 2 is put together bit by bit. After an odd n, 3n + 1 is even
; and is halved next, so both steps are done at once: (3n + 1) / 2 = n + h + 1.
;
; Prints "26623 takes 307 steps", which is in the tables (OEIS A006877, A006878).
;
; instructions: 196121900

            .ORIG x3000

            AND   R0, R0, #0
            ST    R0, MOSTSTEPS
            ADD   R0, R0, #1
            ST    R0, CURRENT

CHAIN       LD    R1, CURRENT
            AND   R2, R2, #0
            AND   R6, R6, #0        ; R6 = steps

; Has n arrived at 1?
STEP        ADD   R2, R2, #0
            BRnp  HALVE
            ADD   R0, R1, #-1
            BRz   ARRIVED

; h = n / 2: R4 the high word, R3 the low one. R5 is a mask that goes over the bits
; of n, R0 the bit one place lower. The high word is mostly zero.
HALVE       AND   R3, R3, #0
            AND   R4, R4, #0
            ADD   R2, R2, #0
            BRz   LOWWORD
            AND   R0, R0, #0
            ADD   R0, R0, #1
            ADD   R5, R0, R0
HIGHBIT     AND   R7, R2, R5
            BRz   HIGHZERO
            ADD   R4, R4, R0
HIGHZERO    ADD   R0, R0, R0
            ADD   R5, R5, R5
            BRnp  HIGHBIT
            AND   R0, R2, #1
            BRz   LOWWORD
            LD    R3, TOPBIT        ; the high word's last bit moves down
LOWWORD     AND   R0, R0, #0
            ADD   R0, R0, #1
            ADD   R5, R0, R0
LOWBIT      AND   R7, R1, R5
            BRz   LOWZERO
            ADD   R3, R3, R0
LOWZERO     ADD   R0, R0, R0
            ADD   R5, R5, R5
            BRnp  LOWBIT

; n even: n = h.
            ADD   R6, R6, #1
            AND   R0, R1, #1
            BRp   ODD
            ADD   R1, R3, #0
            ADD   R2, R4, #0
            BRnzp STEP

; n odd: n = n + h + 1, two steps. There is no carry flag: a sum has carried if both
; numbers had their top bit set, or if one had and the sum has not.
ODD         ADD   R6, R6, #1
            ADD   R2, R2, R4
            ADD   R5, R1, R3
            ADD   R5, R5, #1        ; R5 = the sum of the low words
            ADD   R1, R1, #0
            BRn   ONESET
            ADD   R3, R3, #0
            BRzp  NOCARRY
            BRnzp LOOKSUM
ONESET      ADD   R3, R3, #0
            BRn   CARRY
LOOKSUM     ADD   R5, R5, #0
            BRn   NOCARRY
CARRY       ADD   R2, R2, #1
NOCARRY     ADD   R1, R5, #0
            BRnzp STEP

; More steps than any before? Then keep the start.
ARRIVED     LD    R0, MOSTSTEPS
            NOT   R0, R0
            ADD   R0, R0, #1
            ADD   R0, R0, R6
            BRnz  NEXTSTART
            ST    R6, MOSTSTEPS
            LD    R0, CURRENT
            ST    R0, LONGEST
NEXTSTART   LD    R0, CURRENT
            ADD   R0, R0, #1
            ST    R0, CURRENT
            LD    R1, MINUSBOUND
            ADD   R0, R0, R1
            BRn   CHAIN

            LD    R0, LONGEST
            JSR   PRINTNUM
            LEA   R0, TEXTTAKES
            PUTS
            LD    R0, MOSTSTEPS
            JSR   PRINTNUM
            LEA   R0, TEXTSTEPS
            PUTS
            HALT

MINUSBOUND  .FILL #-30000
CURRENT     .BLKW #1
LONGEST     .BLKW #1
MOSTSTEPS   .BLKW #1
TOPBIT      .FILL x8000
TEXTTAKES   .STRINGZ " takes "
TEXTSTEPS   .STRINGZ " steps\n"

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
