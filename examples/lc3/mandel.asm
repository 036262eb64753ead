; mandel.asm - the Mandelbrot set, as a picture of characters
;
; For each point c of a grid in the plane: how many times can z -> z * z + c be done,
; from z = 0, before z is farther than 2 from 0? Points that stay for 10,000 times are
; taken for points of the set.
;
; Numbers are fixed-point, 256 = 1.0. The machine can't multiply, but it
; can look up quarters of squares:
;
;   a * b = q(a + b) - q(a - b)    with q(x) = x * x / 4
;
; The table holds x * x / 1024, a quarter of the square divided by 256 once, without
; its fraction, for x from 0 to 3199. That is enough: z is squared only while it
; is within 2 of 0, so the next z has no part beyond 4 + 2.11 = 1564 / 256.
;
; Prints 25 lines of 72 characters: a # for the set, for other points one of 16
; characters by the number of steps. The picture is symmetric top to bottom,
; as the set is, and the same as from a program that multiplies and divides.
;
; instructions: 217075232

            .ORIG x3000

; The table, without multiplying: from x to x + 1 the square grows by 2x + 1.
; R2 = x * x / 1024, R3 = the remainder, R4 = 2x + 1.
            LD    R1, TABLE
            LD    R6, ENTRIES
            LD    R5, MINUSQUOT
            AND   R2, R2, #0
            AND   R3, R3, #0
            AND   R4, R4, #0
            ADD   R4, R4, #1
SQUARES     STR   R2, R1, #0
            ADD   R3, R3, R4
            ADD   R4, R4, #2
CARRY       ADD   R0, R3, R5
            BRn   CARRIED
            ADD   R3, R0, #0
            ADD   R2, R2, #1
            BRnzp CARRY
CARRIED     ADD   R1, R1, #1
            ADD   R6, R6, #-1
            BRp   SQUARES

; The picture, line by line.
            LD    R0, TOP
            ST    R0, CIMAG
EACHLINE    LD    R0, LEFT
            ST    R0, CREAL
            LD    R0, COLUMNS
            ST    R0, ONLINE

; One point: R1 = the real part of z, R2 = its imaginary part, R6 = steps to go.
EACHPOINT   AND   R1, R1, #0
            AND   R2, R2, #0
            LD    R5, TABLE
            LD    R6, STEPS
ITERATE     ADD   R0, R1, R1
            BRzp  REALPOS
            NOT   R0, R0
            ADD   R0, R0, #1
REALPOS     ADD   R0, R0, R5
            LDR   R3, R0, #0        ; R3 = real * real = q(2 * real)
            ADD   R0, R2, R2
            BRzp  IMAGPOS
            NOT   R0, R0
            ADD   R0, R0, #1
IMAGPOS     ADD   R0, R0, R5
            LDR   R4, R0, #0        ; R4 = imaginary * imaginary
            ADD   R0, R3, R4
            LD    R7, MINUSFOUR
            ADD   R0, R0, R7
            BRp   ESCAPED           ; farther than 2 from 0

; The next z is (real*real - imag*imag + creal, 2*real*imag + cimag).
            NOT   R4, R4
            ADD   R4, R4, #1
            ADD   R3, R3, R4
            LD    R0, CREAL
            ADD   R3, R3, R0        ; R3 = the next real part
            ADD   R0, R1, R2
            BRzp  SUMPOS
            NOT   R0, R0
            ADD   R0, R0, #1
SUMPOS      ADD   R0, R0, R5
            LDR   R4, R0, #0        ; R4 = q(real + imag)
            NOT   R0, R2
            ADD   R0, R0, #1
            ADD   R0, R0, R1
            BRzp  DIFFPOS
            NOT   R0, R0
            ADD   R0, R0, #1
DIFFPOS     ADD   R0, R0, R5
            LDR   R0, R0, #0        ; q(real - imag)
            NOT   R0, R0
            ADD   R0, R0, #1
            ADD   R4, R4, R0        ; R4 = real * imag
            ADD   R4, R4, R4
            LD    R0, CIMAG
            ADD   R2, R4, R0
            ADD   R1, R3, #0
            ADD   R6, R6, #-1
            BRp   ITERATE
            LD    R0, INSIDE
            BRnzp SHOW

; The character for the steps that it took: 0 to 14, and 15 for more.
ESCAPED     NOT   R6, R6
            ADD   R6, R6, #1
            LD    R0, STEPS
            ADD   R6, R6, R0        ; R6 = steps
            ADD   R0, R6, #-15
            BRn   FEW
            AND   R6, R6, #0
            ADD   R6, R6, #15
FEW         LEA   R0, SHADES
            ADD   R0, R0, R6
            LDR   R0, R0, #0
SHOW        OUT

            LD    R0, CREAL
            ADD   R0, R0, #10
            ST    R0, CREAL
            LD    R0, ONLINE
            ADD   R0, R0, #-1
            ST    R0, ONLINE
            BRp   EACHPOINT
            LEA   R0, NEWLINE
            PUTS
            LD    R0, CIMAG
            LD    R1, DOWN
            ADD   R0, R0, R1
            ST    R0, CIMAG
            LD    R0, LINES
            ADD   R0, R0, #-1
            ST    R0, LINES
            BRp   EACHLINE
            HALT

TABLE       .FILL x4000
ENTRIES     .FILL #3200
MINUSQUOT   .FILL #-1024
MINUSFOUR   .FILL #-1024            ; -4.0
STEPS       .FILL #10000
LINES       .FILL #25
COLUMNS     .FILL #72
ONLINE      .BLKW #1
LEFT        .FILL #-540             ; from -2.11, by 0.04
TOP         .FILL #240              ; from 0.94, by -0.08
DOWN        .FILL #-20
CREAL       .BLKW #1
CIMAG       .BLKW #1
INSIDE      .FILL x23               ; the character #
SHADES      .STRINGZ "  ...,,,::::oooO"
NEWLINE     .STRINGZ "\n"
            .END
