; sort.asm - insertion sort
;
; Sorts 401 numbers, 800 times. Each number in turn is kept in a register while the
; greater ones before it move up by one, and goes into the gap. A number
; smaller than all, in front of the first, saves testing for the front end.
;
; The numbers are 179 * i modulo 401 for i = 0 to 400. 401 is a prime, so they are
; the numbers 0 to 400 in another order: sorted, number i must be i. Each move mends
; one pair that stood in the wrong order, so the moves are the number of
; such pairs in the sequence, which counting pair by pair gives as 40170.
;
; Prints "401 of 401 in place, 40170 moves".
;
; instructions: 230878288

            .ORIG x3000

            LD    R0, PASSES
            ST    R0, LEFT

; The numbers, in disorder: add 179, and take away 401 where that is reached.
PASS        LD    R1, ARRAY
            LD    R2, COUNT
            LD    R3, STEP
            LD    R4, MODULUS       ; negative
            AND   R0, R0, #0
FILL        STR   R0, R1, #0
            ADD   R0, R0, R3
            ADD   R5, R0, R4
            BRn   SMALL
            ADD   R0, R5, #0
SMALL       ADD   R1, R1, #1
            ADD   R2, R2, #-1
            BRp   FILL

; Insertion: R5 goes along the array, R1 goes back from there to the gap.
            LD    R5, ARRAY
            AND   R6, R6, #0        ; R6 = moves
            AND   R0, R0, #0
            ADD   R0, R0, #-1
            STR   R0, R5, #-1       ; smaller than all, in front
            LD    R4, COUNT
            ADD   R4, R4, #-1       ; R4 = numbers to insert
INSERT      ADD   R5, R5, #1
            ADD   R1, R5, #0
            LDR   R2, R5, #0        ; R2 = the number to insert
            NOT   R3, R2
            ADD   R3, R3, #1        ; R3 = -R2, to compare with
COMPARE     LDR   R0, R1, #-1
            ADD   R7, R0, R3
            BRnz  PLACE             ; not greater: the gap is behind it
            STR   R0, R1, #0
            ADD   R6, R6, #1
            ADD   R1, R1, #-1
            BRnzp COMPARE
PLACE       STR   R2, R1, #0
            ADD   R4, R4, #-1
            BRp   INSERT

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
            LEA   R0, TEXTOF
            PUTS
            ADD   R0, R6, #0
            JSR   PRINTNUM
            LEA   R0, TEXTMOVES
            PUTS
            HALT

PASSES      .FILL #800
LEFT        .BLKW #1
ARRAY       .FILL x4001
COUNT       .FILL #401
STEP        .FILL #179
MODULUS     .FILL #-401
TEXTOF      .STRINGZ " of 401 in place, "
TEXTMOVES   .STRINGZ " moves\n"

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
