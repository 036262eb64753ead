; What assembles and can hardly be meant.
        .ORIG x3000
        LEA   R0, GREETING
        PUTS
        JSR   TWICE
LOOP    ADD   R1, R1, #-1
        BRp   DONE
        HALT
        ADD   R2, R2, #1
DONE    PUTC
UNUSED  .FILL 7
GREETING .STRINGZ "hello"
FAREWELL .STRINGZ "bye"

TWICE   ADD   R0, R0, R0
        JSR   PRINT
        RET

PRINT   ST    R7, SAVE
        JSR   NOTHING
        LD    R7, SAVE
        RET
NOTHING RET
SAVE    .BLKW 1
        .END
