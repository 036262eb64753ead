        .ORIG x3000
        .EXTERNAL PRINT
        .EXTERNAL UNUSED
        JSR   PRINT
        JSR   PRINTT
        HALT
PRINT   RET
        .END
