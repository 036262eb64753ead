; hello.asm - the traditional first program
;
; Prints one line of text. PUTS prints the characters from the address in R0 on,
; one a word, up to a word that is zero: .STRINGZ puts that zero at the end.
;
; instructions: 3

            .ORIG x3000

            LEA   R0, GREETING
            PUTS
            HALT

GREETING    .STRINGZ "Hello, world!\n"
            .END
