        .ORIG x3000
        LD    R0, COUTN
        LD    R9, COUNT
OUT     .FILL x5
in:     AND   R0, R0, #0
        HALTT
COUNT   .FILL 99999
COUNT   .FILL 3
        LEA   R0, FAR
        .STRINGZ "no end
        .BLKW 300
FAR     HALT
        .END
