; Reads two digits and prints their product.
        .ORIG x3000
        LEA   R0, TITLE
        PUTS
        JSR   DIGIT
        ADD   R1, R0, #0
        JSR   DIGIT
        ADD   R2, R0, #0
        JSR   MULT
        ST    R0, RESULT
        JSR   PRINT
        HALT
RESULT  .BLKW 1
TITLE   .STRINGZ "Multiply: "

; R0 = the digit that is typed. It is echoed.
DIGIT   ST    R7, DIGIT7
        GETC
        OUT
        LD    R7, DIGIT7
        LD    R3, MINUS0
        ADD   R0, R0, R3
        RET
DIGIT7  .BLKW 1
MINUS0  .FILL -48

        .EXTERNAL MULT
        .EXTERNAL PRINT
        .END
