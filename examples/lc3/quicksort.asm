; quicksort.asm - recursive quicksort
;
; Sorts 4,096 numbers, 400 times. The last number of a part is the pivot: one walk
; over the part gathers what is not greater in front, so that the pivot ends up
; in its final place, and both sides are sorted the same way. The stack is in R6.
;
; The numbers come from x -> 5x + 1723 modulo 4096, starting with 0. The factor is 1
; modulo 4 and the increment is odd, so every number from 0 to 4095 comes up once
; (Hull and Dobell): sorted, number i must be i.
;
; Prints "4096 of 4096 in place".
;
; instructions: 236911634

            .ORIG x3000

            LD    R0, PASSES
            ST    R0, LEFT

; The numbers, in disorder.
PASS        LD    R1, ARRAY
            LD    R2, COUNT
            LD    R3, STEP
            LD    R4, MASK
            AND   R0, R0, #0
FILL        STR   R0, R1, #0
            ADD   R5, R0, R0
            ADD   R5, R5, R5
            ADD   R0, R0, R5        ; 5x
            ADD   R0, R0, R3
            AND   R0, R0, R4
            ADD   R1, R1, #1
            ADD   R2, R2, #-1
            BRp   FILL

; Sort it all.
            LD    R6, STACK
            LD    R0, ARRAY
            ADD   R1, R1, #-1       ; R1 was just past the last
            JSR   QSORT

            LD    R0, LEFT
            ADD   R0, R0, #-1
            ST    R0, LEFT
            BRp   PASS

; Count the numbers that are where they belong, from the last to the first.
            AND   R3, R3, #0
            LD    R2, COUNT
CHECK       ADD   R2, R2, #-1
            BRn   REPORT
            LD    R1, ARRAY
            ADD   R1, R1, R2
            LDR   R0, R1, #0
            NOT   R0, R0
            ADD   R0, R0, #1
            ADD   R0, R0, R2
            BRnp  CHECK
            ADD   R3, R3, #1
            BRnzp CHECK

REPORT      ADD   R0, R3, #0
            JSR   PRINTNUM
            LEA   R0, TEXT
            PUTS
            HALT

PASSES      .FILL #400
LEFT        .BLKW #1
ARRAY       .FILL x4000
STACK       .FILL xFE00             ; grows down: the first push goes to xFDFF
COUNT       .FILL #4096
STEP        .FILL #1723
MASK        .FILL x0FFF
TEXT        .STRINGZ " of 4096 in place\n"

; QSORT sorts the words from address R0 to address R1, both included.
; It changes all registers but R6.

QSORT       NOT   R2, R0
            ADD   R2, R2, #1
            ADD   R2, R2, R1        ; R2 = R1 - R0
            BRp   QMANY
            RET                     ; one word, or none

QMANY       ADD   R6, R6, #-3
            STR   R7, R6, #2
            STR   R1, R6, #1
            STR   R0, R6, #0

; R0 = words to go, R1 = where the next one that is not greater than the pivot goes,
; R3 = the word to look at, R5 = -pivot.
            LDR   R5, R1, #0
            NOT   R5, R5
            ADD   R5, R5, #1
            ADD   R3, R0, #0
            ADD   R1, R0, #0
            ADD   R0, R2, #1
QLOOK       LDR   R4, R3, #0
            ADD   R7, R4, R5
            BRp   QSTAY
            LDR   R7, R1, #0        ; exchange the two
            STR   R4, R1, #0
            STR   R7, R3, #0
            ADD   R1, R1, #1
QSTAY       ADD   R3, R3, #1
            ADD   R0, R0, #-1
            BRp   QLOOK

; The pivot, gathered last, is just before R1. Sort what is before it, then what
; is behind it.
            LDR   R0, R6, #0
            STR   R1, R6, #0
            ADD   R1, R1, #-2
            JSR   QSORT
            LDR   R0, R6, #0
            LDR   R1, R6, #1
            JSR   QSORT
            LDR   R7, R6, #2
            ADD   R6, R6, #3
            RET

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
