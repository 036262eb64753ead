; Prints without end.
        .ORIG x3000
        LEA   R0, TITLE
MULT    PUTS
        BR    MULT
TITLE   .STRINGZ "Multiply! "
RESULT  .BLKW 1
        .END
