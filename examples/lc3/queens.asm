; queens.asm - eight queens, by backtracking
;
; Counts the ways to put eight queens on a chessboard so that none attacks another,
; 1,000 times over. PLACE tries every column of its row and, where no queen stands on
; the column or on one of the two diagonals, puts one there and calls itself for the
; next row. Then it takes the queen away again, so that the tables end as they began.
;
; Three tables say what is taken: columns by column, rising diagonals by row + column,
; falling diagonals by row - column.
;
; Prints "92 solutions": known since 1850 (Nauck).
;
; instructions: 218738296

            .ORIG x3000

; The tables lie behind each other: 8 + 15 + 15 words, none taken.
            LEA   R1, COLUMNS
            LD    R2, TABLEWORDS
            AND   R0, R0, #0
CLEAR       STR   R0, R1, #0
            ADD   R1, R1, #1
            ADD   R2, R2, #-1
            BRp   CLEAR

            LD    R0, PASSES
            ST    R0, LEFT
            LD    R6, STACK
PASS        AND   R0, R0, #0
            ST    R0, SOLUTIONS
            AND   R1, R1, #0        ; start in row 0
            JSR   PLACE
            LD    R0, LEFT
            ADD   R0, R0, #-1
            ST    R0, LEFT
            BRp   PASS

            LD    R0, SOLUTIONS
            JSR   PRINTNUM
            LEA   R0, TEXT
            PUTS
            HALT

; PLACE puts queens in row R1 and all after it. It keeps R1 and R2.

PLACE       ADD   R0, R1, #-8
            BRn   PMORE
            LD    R0, SOLUTIONS     ; no rows left: a solution
            ADD   R0, R0, #1
            ST    R0, SOLUTIONS
            RET

PMORE       ADD   R6, R6, #-5
            STR   R7, R6, #0
            STR   R2, R6, #1
            AND   R2, R2, #0        ; R2 = column
; Is the column taken, or a diagonal?
PCOLUMN     LEA   R3, COLUMNS
            ADD   R3, R3, R2
            LDR   R0, R3, #0
            BRp   PNEXT
            LEA   R4, RISING
            ADD   R4, R4, R1
            ADD   R4, R4, R2
            LDR   R0, R4, #0
            BRp   PNEXT
            NOT   R5, R2
            ADD   R5, R5, #1
            ADD   R5, R5, R1        ; row - column, from -7 to 7
            LEA   R0, FALLINGMID
            ADD   R5, R5, R0
            LDR   R0, R5, #0
            BRp   PNEXT

; Take all three, go on in the next row, and give them back.
            STR   R3, R6, #2
            STR   R4, R6, #3
            STR   R5, R6, #4
            AND   R0, R0, #0
            ADD   R0, R0, #1
            STR   R0, R3, #0
            STR   R0, R4, #0
            STR   R0, R5, #0
            ADD   R1, R1, #1
            JSR   PLACE
            ADD   R1, R1, #-1
            LDR   R3, R6, #2
            LDR   R4, R6, #3
            LDR   R5, R6, #4
            AND   R0, R0, #0
            STR   R0, R3, #0
            STR   R0, R4, #0
            STR   R0, R5, #0

PNEXT       ADD   R2, R2, #1
            ADD   R0, R2, #-8
            BRn   PCOLUMN
            LDR   R7, R6, #0
            LDR   R2, R6, #1
            ADD   R6, R6, #5
            RET

PASSES      .FILL #1000
LEFT        .BLKW #1
SOLUTIONS   .BLKW #1
STACK       .FILL xFE00             ; grows down: the first push goes to xFDFF
TABLEWORDS  .FILL #38
COLUMNS     .BLKW #8
RISING      .BLKW #15               ; row + column = 0 to 14
            .BLKW #7                ; row - column = -7 to -1
FALLINGMID  .BLKW #8                ; row - column = 0 to 7
TEXT        .STRINGZ " solutions\n"

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
