; countdown.asm - a first program: count down from nine
;
; Prints the digits 9 to 0, a space after each, then "Liftoff!". The
; character of a digit is x30, which is the character 0, plus the digit: the program
; counts in R1, makes the character in R0, and stops when the count is negative.
;
; instructions: 75

            .ORIG x3000

            AND   R1, R1, #0
            ADD   R1, R1, #9        ; R1 = the digit

NEXT        LD    R0, ZERO
            ADD   R0, R0, R1        ; R0 = the digit as a character
            OUT
            LD    R0, SPACE
            OUT
            ADD   R1, R1, #-1
            BRzp  NEXT

            LEA   R0, LIFTOFF
            PUTS
            HALT

ZERO        .FILL x30
SPACE       .FILL x20
LIFTOFF     .STRINGZ "Liftoff!\n"
            .END
