; matrix.asm - matrix product, with multiplication in software
;
; The machine can't multiply: MULTIPLY does it by shifting and adding, a bit at a
; time. The product of two 9 x 9 matrices needs 729 multiplications; it is
; computed 3,000 times.
;
; The first matrix is Pascal's triangle, L, with row n holding the binomials
; n over k. The second is its transpose. Their product is the symmetric Pascal
; matrix, whose entry in row i, column j (from 0) is i+j over i (Vandermonde's
; identity). So the last entry is 16 over 8 = 12870, and the sum of all
; entries is 18 over 9, less 1 = 48619.
;
; instructions: 216896217

            .ORIG x3000

; Pascal's triangle: all zero but a 1 in the corner, then each entry is the sum of
; the one above (9 words back) and that one's left neighbour (10 words back). Left
; of a row is the end of the row above, which is zero in all rows but the last.
            AND   R0, R0, #0
            LD    R1, LEFTMAT
            STR   R0, R1, #-1
            LD    R2, CELLS
ZERO        STR   R0, R1, #0
            ADD   R1, R1, #1
            ADD   R2, R2, #-1
            BRp   ZERO
            LD    R1, LEFTMAT
            ADD   R0, R0, #1
            STR   R0, R1, #0
            ADD   R1, R1, #9        ; the second row
            LD    R2, CELLS
            ADD   R2, R2, #-9
PASCAL      LDR   R0, R1, #-10
            LDR   R3, R1, #-9
            ADD   R0, R0, R3
            STR   R0, R1, #0
            ADD   R1, R1, #1
            ADD   R2, R2, #-1
            BRp   PASCAL

; Its transpose: along the rows of the one, down the columns of the other.
            LD    R1, LEFTMAT
            LD    R2, RIGHTMAT      ; R2 = the top of the column
            AND   R3, R3, #0
            ADD   R3, R3, #9        ; R3 = columns to go
TCOLUMN     ADD   R5, R2, #0
            AND   R4, R4, #0
            ADD   R4, R4, #9        ; R4 = cells to go
TCELL       LDR   R0, R1, #0
            STR   R0, R5, #0
            ADD   R1, R1, #1
            ADD   R5, R5, #9
            ADD   R4, R4, #-1
            BRp   TCELL
            ADD   R2, R2, #1
            ADD   R3, R3, #-1
            BRp   TCOLUMN

; The product, many times: every row of the left ...
            LD    R0, PASSES
            ST    R0, LEFT
PRODUCT     LD    R0, LEFTMAT
            ST    R0, ROW
            LD    R0, RESULT
            ST    R0, CELL
            LD    R0, NINE
            ST    R0, ROWSLEFT
; ... with every column of the right:
EACHROW     LD    R0, RIGHTMAT
            ST    R0, COLUMN
            LD    R0, NINE
            ST    R0, COLSLEFT
; along the row and down the column, summing the products.
EACHCOL     LD    R5, ROW
            LD    R6, COLUMN
            AND   R0, R0, #0
            ST    R0, SUM
            LD    R0, NINE
            ST    R0, TERMSLEFT
EACHTERM    LDR   R1, R5, #0
            LDR   R2, R6, #0
            JSR   MULTIPLY
            LD    R1, SUM
            ADD   R0, R0, R1
            ST    R0, SUM
            ADD   R5, R5, #1
            ADD   R6, R6, #9
            LD    R0, TERMSLEFT
            ADD   R0, R0, #-1
            ST    R0, TERMSLEFT
            BRp   EACHTERM

            LD    R0, SUM
            LD    R1, CELL
            STR   R0, R1, #0
            ADD   R1, R1, #1
            ST    R1, CELL
            LD    R0, COLUMN
            ADD   R0, R0, #1
            ST    R0, COLUMN
            LD    R0, COLSLEFT
            ADD   R0, R0, #-1
            ST    R0, COLSLEFT
            BRp   EACHCOL
            LD    R0, ROW
            ADD   R0, R0, #9
            ST    R0, ROW
            LD    R0, ROWSLEFT
            ADD   R0, R0, #-1
            ST    R0, ROWSLEFT
            BRp   EACHROW
            LD    R0, LEFT
            ADD   R0, R0, #-1
            ST    R0, LEFT
            BRp   PRODUCT

; The last entry, and the sum of all.
            LD    R1, RESULT
            LD    R2, CELLS
            AND   R3, R3, #0
ADDUP       LDR   R0, R1, #0
            ADD   R3, R3, R0
            ADD   R1, R1, #1
            ADD   R2, R2, #-1
            BRp   ADDUP
            LDR   R4, R1, #-1
            LEA   R0, TEXTLAST
            PUTS
            ADD   R0, R4, #0
            JSR   PRINTNUM
            LEA   R0, TEXTSUM
            PUTS
            ADD   R0, R3, #0
            JSR   PRINTNUM
            LEA   R0, TEXTEND
            PUTS
            HALT

PASSES      .FILL #3000
LEFT        .BLKW #1
NINE        .FILL #9
CELLS       .FILL #81
LEFTMAT     .FILL x4001             ; the word in front of it is zero too
RIGHTMAT    .FILL x4100
RESULT      .FILL x4200
ROW         .BLKW #1                ; where the row of the left matrix starts
COLUMN      .BLKW #1                ; where the column of the right matrix starts
CELL        .BLKW #1                ; where the next sum goes
SUM         .BLKW #1
ROWSLEFT    .BLKW #1
COLSLEFT    .BLKW #1
TERMSLEFT   .BLKW #1
TEXTLAST    .STRINGZ "last "
TEXTSUM     .STRINGZ ", sum "
TEXTEND     .STRINGZ "\n"

; MULTIPLY: R0 = R1 * R2, modulo 65536. It changes R1, R3 and R4.
; R3 is a mask that goes over the bits of R2; R1 doubles along with it.

MULTIPLY    AND   R0, R0, #0
            AND   R3, R3, #0
            ADD   R3, R3, #1
MBIT        AND   R4, R2, R3
            BRz   MZERO
            ADD   R0, R0, R1
MZERO       ADD   R1, R1, R1
            ADD   R3, R3, R3
            BRnp  MBIT              ; zero when the mask has gone out at the top
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
