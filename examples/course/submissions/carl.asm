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

; R0 = R1 x R2, for R2 from 0 up.
MULT    AND   R0, R0, #0
        ADD   R2, R2, #0
MORE    BRn   DONE
        ADD   R0, R0, R1
        ADD   R2, R2, #1
        BR    MORE
DONE    RET

; Prints R0, from 0 to 99, after a new line.
PRINT   ST    R7, PRINT7
        AND   R3, R3, #0
        LD    R4, MINUS10
TENS    ADD   R5, R0, R4
        BRn   SHOW
        ADD   R0, R5, #0
        ADD   R3, R3, #1
        BR    TENS
SHOW    ADD   R5, R0, #0
        AND   R0, R0, #0
        ADD   R0, R0, #10
        OUT
        LD    R4, PLUS0
        ADD   R0, R3, R4
        ADD   R3, R3, #0
        BRz   ONES
        OUT
ONES    ADD   R0, R5, R4
        OUT
        LD    R7, PRINT7
        RET
PRINT7  .BLKW 1
MINUS10 .FILL -10
PLUS0   .FILL x30
        .END
