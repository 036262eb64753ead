; Asks for a name's first letter, and greets.

            .ORIG x3000
            LEA   R0, QUESTION
            PUTS
            GETC                        ; R0 is the key that is typed
            OUT
            ADD   R1, R0, #0            ; PUTS needs R0
            LEA   R0, GREETING
            PUTS
            ADD   R0, R1, #0
            OUT
            LEA   R0, END
            PUTS
            HALT

QUESTION    .STRINGZ "What letter does your name start with? "
GREETING    .STRINGZ "\nHello, "
END         .STRINGZ "!\n"
            .END
