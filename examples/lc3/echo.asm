; echo.asm - repeat what is typed, up to the end of the line
;
; Reads one character at a time with GETC, which shows nothing by itself, and
; prints it with OUT. The line's end (x0A) is printed too, and ends the program.
; Where the input ends before the line does, GETC stops the run.
;
; What it prints is what it read: echo.out is the same as echo.in, for which the
; instructions are counted.
;
; instructions: 181

            .ORIG x3000

NEXT        GETC
            OUT
            ADD   R1, R0, #-10      ; x0A = 10: the end of the line?
            BRnp  NEXT
            HALT

            .END
