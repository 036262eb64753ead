; life.asm - Conway's Game of Life on a torus
;
; A cell lives in the next generation if it has three neighbours, or if it lives and
; has two. The board is 64 by 64 cells, one a word, and its edges meet: left of the
; first column is the last. So that the inner loop needs no test for edges, the board
; has a border one cell wide all around, into which the opposite edge is copied before
; each generation: 66 by 66 words.
;
; The rule is a table: its index is twice the number of neighbours, plus the cell.
;
; Starts with the R-pentomino, five cells in the middle that take 1103 generations to
; settle on an infinite board, and prints the population every 250 generations
; up to the 2000th. The numbers are those of an independent program that keeps the
; living cells in a set and counts neighbours in a dictionary.
;
; instructions: 224941742

            .ORIG x3000

; An empty board, then the five cells around the middle, row 32 and column 32.
            LD    R1, NOW
            LD    R2, BOARDWORDS
            AND   R0, R0, #0
CLEAR       STR   R0, R1, #0
            ADD   R1, R1, #1
            ADD   R2, R2, #-1
            BRp   CLEAR
            LD    R1, NOW
            LD    R2, MIDDLE
            ADD   R1, R1, R2
            ADD   R0, R0, #1
            STR   R0, R1, #0        ; .XX
            STR   R0, R1, #-1       ; XX.
            LD    R2, STRIDE        ; .X.
            ADD   R3, R1, R2
            STR   R0, R3, #0
            NOT   R2, R2
            ADD   R2, R2, #1
            ADD   R3, R1, R2
            STR   R0, R3, #0
            STR   R0, R3, #1

; A generation: border, step, and the boards change places. R6 and R5 are
; pointers here, there is no stack.
GENERATION  JSR   BORDER
            JSR   STEP
            LD    R0, NOW
            LD    R1, NEXT
            ST    R1, NOW
            ST    R0, NEXT
            LD    R0, GENERATED
            ADD   R0, R0, #1
            ST    R0, GENERATED

; Every 250 generations, a line.
            LD    R0, UNTILLINE
            ADD   R0, R0, #-1
            ST    R0, UNTILLINE
            BRp   GENERATION
            LD    R0, PERLINE
            ST    R0, UNTILLINE
            LD    R0, GENERATED
            JSR   PRINTNUM
            LEA   R0, TEXTCOLON
            PUTS
            JSR   POPULATION
            JSR   PRINTNUM
            LEA   R0, TEXTEND
            PUTS
            LD    R0, LINES
            ADD   R0, R0, #-1
            ST    R0, LINES
            BRp   GENERATION
            HALT

NOW         .FILL x4000
NEXT        .FILL x6000
GENERATED   .FILL #0
UNTILLINE   .FILL #250
PERLINE     .FILL #250
LINES       .FILL #8
BOARDWORDS  .FILL #4356             ; 66 * 66
MIDDLE      .FILL #2144             ; 32 * 66 + 32
STRIDE      .FILL #66               ; words from a row to the next
SIDE        .FILL #64
ROWSLEFT    .BLKW #1
SAVE7       .BLKW #1
TEXTCOLON   .STRINGZ ": "
TEXTEND     .STRINGZ "\n"

; BORDER copies the edges of the board into the border opposite.
; First the sides of rows 1 to 64, then the top and the bottom with their corners.

BORDER      LD    R3, STRIDE
            LD    R4, SIDE
            LD    R1, NOW
            ADD   R1, R1, R3        ; row 1, column 0
            ADD   R2, R1, R4        ; row 1, column 64
BSIDES      LDR   R0, R2, #0
            STR   R0, R1, #0
            LDR   R0, R1, #1
            STR   R0, R2, #1
            ADD   R1, R1, R3
            ADD   R2, R2, R3
            ADD   R4, R4, #-1
            BRp   BSIDES

; R1 is at row 65, column 0 now, one row below the last.
            LD    R2, NOW           ; row 0
            ADD   R5, R2, R3        ; row 1
            NOT   R4, R3
            ADD   R4, R4, #1
            ADD   R4, R4, R1        ; row 64
BTOP        LDR   R0, R4, #0
            STR   R0, R2, #0
            LDR   R0, R5, #0
            STR   R0, R1, #0
            ADD   R1, R1, #1
            ADD   R2, R2, #1
            ADD   R4, R4, #1
            ADD   R5, R5, #1
            ADD   R3, R3, #-1
            BRp   BTOP
            RET

; STEP makes the board NEXT from the board NOW.
; R1, R2, R3 = the cell above, the cell, the cell below; R6 = where the result goes.
; R7 is free for counting the columns once it is saved.

STEP        ST    R7, SAVE7
            LD    R0, STRIDE
            LD    R1, NOW
            ADD   R1, R1, #1        ; row 0, column 1
            ADD   R2, R1, R0
            ADD   R3, R2, R0
            LD    R6, NEXT
            ADD   R6, R6, R0
            ADD   R6, R6, #1        ; row 1, column 1
            LEA   R5, RULE
            LD    R0, SIDE
            ST    R0, ROWSLEFT
SROW        LD    R7, SIDE
SCELL       LDR   R0, R1, #-1       ; R0 = the neighbours
            LDR   R4, R1, #0
            ADD   R0, R0, R4
            LDR   R4, R1, #1
            ADD   R0, R0, R4
            LDR   R4, R2, #-1
            ADD   R0, R0, R4
            LDR   R4, R2, #1
            ADD   R0, R0, R4
            LDR   R4, R3, #-1
            ADD   R0, R0, R4
            LDR   R4, R3, #0
            ADD   R0, R0, R4
            LDR   R4, R3, #1
            ADD   R0, R0, R4
            ADD   R0, R0, R0
            LDR   R4, R2, #0
            ADD   R0, R0, R4        ; twice the neighbours, plus the cell
            ADD   R0, R0, R5
            LDR   R0, R0, #0
            STR   R0, R6, #0
            ADD   R1, R1, #1
            ADD   R2, R2, #1
            ADD   R3, R3, #1
            ADD   R6, R6, #1
            ADD   R7, R7, #-1
            BRp   SCELL
            ADD   R1, R1, #2        ; over the border to the next row
            ADD   R2, R2, #2
            ADD   R3, R3, #2
            ADD   R6, R6, #2
            LD    R0, ROWSLEFT
            ADD   R0, R0, #-1
            ST    R0, ROWSLEFT
            BRp   SROW
            LD    R7, SAVE7
            RET

; The next state of a cell: dead and alive, with 0 to 8 neighbours.
RULE        .FILL #0
            .FILL #0
            .FILL #0
            .FILL #0
            .FILL #0                ; two neighbours: dead stays dead,
            .FILL #1                ; alive stays alive
            .FILL #1                ; three neighbours: alive
            .FILL #1
            .FILL #0
            .FILL #0
            .FILL #0
            .FILL #0
            .FILL #0
            .FILL #0
            .FILL #0
            .FILL #0
            .FILL #0
            .FILL #0

; POPULATION: R0 = the number of living cells on the board NOW.

POPULATION  AND   R0, R0, #0
            LD    R1, NOW
            LD    R2, STRIDE
            ADD   R1, R1, R2
            LD    R2, SIDE          ; R2 = rows to go
PROW        ADD   R1, R1, #1
            LD    R3, SIDE
PCELL       LDR   R4, R1, #0
            ADD   R0, R0, R4
            ADD   R1, R1, #1
            ADD   R3, R3, #-1
            BRp   PCELL
            ADD   R1, R1, #1
            ADD   R2, R2, #-1
            BRp   PROW
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
