; selfmod.asm - a program that changes its own instructions, now and then
;
; How many strides of length s does it take to reach 15,000? The stride is the immediate
; operand of an ADD, written into the instruction before each count: s = 1 to 15. So a
; loop of four instructions runs 1,000 to 15,000 times between changes.
; A second change goes with each: whether the count is then added to the total, or
; replaces it, is decided by an instruction that is written over, too.
;
; Prints the strides for s = 15, which are 15000 / 15 = 1000, and the sum
; for s = 1 to 15, each 15000 / s rounded up: 49775. The whole is done 300 times.
;
; instructions: 59778359

            .ORIG x3000

            LD    R0, PASSES
            ST    R0, LEFT
            LD    R4, MINUSGOAL

; s = 1, and the first count replaces the total.
PASS        LD    R0, STRIDEZERO
            ST    R0, STRIDE
            LD    R0, REPLACE
            ST    R0, COLLECT
            AND   R6, R6, #0
            ADD   R6, R6, #15       ; R6 = counts to go

; The next stride: the immediate operand is the low end of the instruction.
EACHSTRIDE  LD    R0, STRIDE
            ADD   R0, R0, #1
            ST    R0, STRIDE

; Walk. R1 = how far, R2 = strides.
            AND   R1, R1, #0
            AND   R2, R2, #0
WALK        ADD   R2, R2, #1
STRIDE      ADD   R1, R1, #0        ; changed: #1 to #15
            ADD   R3, R1, R4
            BRn   WALK

; R5 = the total.
COLLECT     ADD   R5, R5, R2        ; changed: ADD R5, R2, #0 the first time
            LD    R0, ADDTO
            ST    R0, COLLECT
            ADD   R6, R6, #-1
            BRp   EACHSTRIDE

            LD    R0, LEFT
            ADD   R0, R0, #-1
            ST    R0, LEFT
            BRp   PASS

            ADD   R0, R2, #0
            JSR   PRINTNUM
            LEA   R0, NEWLINE
            PUTS
            ADD   R0, R5, #0
            JSR   PRINTNUM
            LEA   R0, NEWLINE
            PUTS
            HALT

; Instructions to be written over others. They are never executed here.
STRIDEZERO  ADD   R1, R1, #0
REPLACE     ADD   R5, R2, #0
ADDTO       ADD   R5, R5, R2

PASSES      .FILL #300
LEFT        .BLKW #1
MINUSGOAL   .FILL #-15000
NEWLINE     .STRINGZ "\n"

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
