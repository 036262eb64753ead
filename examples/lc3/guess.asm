; guess.asm - guess the number
;
; The machine thinks of a number from 0 to 63, the player guesses, the machine
; says "higher" or "lower". Whoever halves what is left needs at most seven guesses.
;
; The number comes from the player: the program counts in a tight loop until
; the first key is pressed and takes the low six bits of the count. No person
; is regular enough to repeat that. When the input comes from a file the key is
; there at the first look, and the number is always 42, as in guess.in.
;
; It reads the keyboard's registers itself, so it needs a machine that lets a program
; do that. How many instructions it takes depends on the player.

            .ORIG x3000

; Count, from 41, until a key is there. The key itself does not matter.
            LEA   R0, WELCOME
            PUTS
            LD    R3, START
WAIT        ADD   R3, R3, #1
            LDI   R0, KBSR
            BRzp  WAIT              ; bit 15 is set when there is a key
            LDI   R0, KBDR          ; take it
            LD    R0, SIXBITS
            AND   R3, R3, R0        ; R3 = the number
            NOT   R4, R3
            ADD   R4, R4, #1        ; R4 = -number, to compare with
            AND   R5, R5, #0        ; R5 = guesses so far

; Ask. Keys are not shown by themselves, so every one is printed as it comes.
ASK         LEA   R0, PROMPT
            PUTS
            ADD   R5, R5, #1
            AND   R2, R2, #0        ; R2 = the guess
KEY         GETC
            OUT
            ADD   R1, R0, #-10      ; the end of the line?
            BRz   COMPARE

; A digit: guess = 10 * guess + digit. Anything else is left out.
            LD    R1, MINUSZERO
            ADD   R0, R0, R1        ; R0 = the digit's value
            BRn   KEY
            ADD   R1, R0, #-9
            BRp   KEY
            ADD   R2, R2, R2        ; 2 * guess
            ADD   R1, R2, R2
            ADD   R1, R1, R1        ; 8 * guess
            ADD   R2, R2, R1        ; 10 * guess
            ADD   R2, R2, R0
            BRnzp KEY

; Compare and answer.
COMPARE     ADD   R1, R2, R4        ; guess - number
            BRz   RIGHT
            BRp   TOOHIGH
            LEA   R0, HIGHER
            PUTS
            BRnzp ASK
TOOHIGH     LEA   R0, LOWER
            PUTS
            BRnzp ASK

RIGHT       LEA   R0, YES
            PUTS
            ADD   R0, R5, #0
            JSR   PRINTNUM
            LEA   R0, NEWLINE
            PUTS
            HALT

START       .FILL #41
SIXBITS     .FILL x3F
MINUSZERO   .FILL #-48              ; minus the character 0
KBSR        .FILL xFE00
KBDR        .FILL xFE02
WELCOME     .STRINGZ "I am thinking of a number from 0 to 63. Press a key.\n"
PROMPT      .STRINGZ "Your guess: "
HIGHER      .STRINGZ "It is higher.\n"
LOWER       .STRINGZ "It is lower.\n"
YES         .STRINGZ "That is it! Guesses: "
NEWLINE     .STRINGZ "\n"

; PRINTNUM prints R0 as an unsigned decimal number and keeps every register.
; For each power of ten it counts how often that can be taken away: the count
; is the digit. Zeros in front are not printed, the last digit always is.

PRINTNUM    ST    R0, PNSAVE0
            ST    R1, PNSAVE1
            ST    R2, PNSAVE2
            ST    R3, PNSAVE3
            ST    R4, PNSAVE4
            ST    R5, PNSAVE5
            ST    R7, PNSAVE7
            ADD   R1, R0, #0        ; R1 = what is left of the number
            LEA   R2, PNPOWERS      ; R2 = where the next power of ten is
            AND   R3, R3, #0        ; R3 = 0 until a digit has been printed
PNPOWER     LDR   R4, R2, #0        ; R4 = -10000, -1000, -100, -10, then 0
            BRz   PNUNITS
            AND   R5, R5, #0        ; R5 = the digit
PNTAKE      ADD   R1, R1, #0
            BRn   PNENOUGH          ; 32768 or more: enough for any power
            ADD   R0, R1, R4
            BRn   PNDIGIT           ; less than the power is left
PNENOUGH    ADD   R1, R1, R4
            ADD   R5, R5, #1
            BRnzp PNTAKE
PNDIGIT     ADD   R3, R3, R5
            BRz   PNNEXT            ; a zero in front
            LD    R0, PNZERO
            ADD   R0, R0, R5
            OUT
PNNEXT      ADD   R2, R2, #1
            BRnzp PNPOWER
PNUNITS     LD    R0, PNZERO
            ADD   R0, R0, R1
            OUT
            LD    R0, PNSAVE0
            LD    R1, PNSAVE1
            LD    R2, PNSAVE2
            LD    R3, PNSAVE3
            LD    R4, PNSAVE4
            LD    R5, PNSAVE5
            LD    R7, PNSAVE7
            RET
PNZERO      .FILL x30               ; the character 0
PNPOWERS    .FILL #-10000
            .FILL #-1000
            .FILL #-100
            .FILL #-10
            .FILL #0
PNSAVE0     .BLKW #1
PNSAVE1     .BLKW #1
PNSAVE2     .BLKW #1
PNSAVE3     .BLKW #1
PNSAVE4     .BLKW #1
PNSAVE5     .BLKW #1
PNSAVE7     .BLKW #1
            .END
