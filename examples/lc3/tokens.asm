; tokens.asm - a scanner: a table of classes, a table of routines, JSRR
;
; Takes a program text apart into names, numbers and signs, 50,000 times over. A first
; table gives the class of each character: space, letter, digit or sign. With what the
; scanner is in the middle of - nothing, a name or a number - the class picks a routine
; from a second table, which is called by JSRR and says what to do.
; So there is no test of a character anywhere in the loop.
;
; Prints "36 names, 34 numbers that make 5431, 29 signs": what regular expressions
; find in the same text.
;
; instructions: 212101369

            .ORIG x3000

; The classes of the characters 0 to 127: all signs, but for these ranges.
            LD    R3, CLASSES
            AND   R0, R0, #0
            ADD   R0, R0, #3        ; signs
            AND   R1, R1, #0
            LD    R2, ALLCHARS
            JSR   SETCLASS
            AND   R0, R0, #0        ; space, and all below it
            AND   R1, R1, #0
            LD    R2, SPACES
            JSR   SETCLASS
            ADD   R0, R0, #1        ; letters
            LD    R1, CAPITALA
            LD    R2, ALPHABET
            JSR   SETCLASS
            LD    R1, SMALLA
            LD    R2, ALPHABET
            JSR   SETCLASS
            ADD   R0, R0, #1        ; digits
            LD    R1, ZERO
            AND   R2, R2, #0
            ADD   R2, R2, #10
            JSR   SETCLASS

            LD    R0, PASSES
            ST    R0, LEFT
PASS        AND   R0, R0, #0
            ST    R0, NAMES
            ST    R0, NUMBERS
            ST    R0, SIGNS
            ST    R0, SUM
            AND   R4, R4, #0        ; in the middle of nothing
            LD    R5, TEXT

; R0 = the character, R3 = the classes, R4 = what we are in: 0, 4 or 8,
; R5 = where in the text, R6 = the routines.
            LD    R6, ROUTINESAT
EACHCHAR    LDR   R0, R5, #0
            BRz   PASSED
            ADD   R5, R5, #1
            ADD   R1, R0, R3
            LDR   R1, R1, #0
            ADD   R1, R1, R4
            ADD   R1, R1, R6
            LDR   R1, R1, #0
            JSRR  R1
            BRnzp EACHCHAR

; A zero ends a line, and another one the text.
PASSED      ADD   R5, R5, #1
            LDR   R0, R5, #0
            BRnp  EACHCHAR

            LD    R0, LEFT
            ADD   R0, R0, #-1
            ST    R0, LEFT
            BRnp  PASS              ; BRp would see 50,000 as negative

            LD    R0, NAMES
            JSR   PRINTNUM
            LEA   R0, TEXTNAMES
            PUTS
            LD    R0, NUMBERS
            JSR   PRINTNUM
            LEA   R0, TEXTNUMBERS
            PUTS
            LD    R0, SUM
            JSR   PRINTNUM
            LEA   R0, TEXTSUM
            PUTS
            LD    R0, SIGNS
            JSR   PRINTNUM
            LEA   R0, TEXTSIGNS
            PUTS
            HALT

; The routines, by what we are in, then by class: space, letter, digit, sign.
ROUTINES    .FILL STAY
            .FILL NAME
            .FILL NUMBER
            .FILL SIGN

            .FILL LEAVE             ; in a name
            .FILL STAY
            .FILL STAY
            .FILL SIGN

            .FILL ENDNUMBER         ; in a number
            .FILL NUMNAME
            .FILL DIGIT
            .FILL NUMSIGN

; A name starts.
NAME        LD    R1, NAMES
            ADD   R1, R1, #1
            ST    R1, NAMES
            AND   R4, R4, #0
            ADD   R4, R4, #4
STAY        RET

; A number starts, with its first digit.
NUMBER      LD    R1, NUMBERS
            ADD   R1, R1, #1
            ST    R1, NUMBERS
            AND   R4, R4, #0
            ADD   R4, R4, #8
            LD    R1, MINUSZERO
            ADD   R1, R1, R0
            ST    R1, VALUE
            RET

; One more digit: value = 10 * value + digit.
DIGIT       LD    R1, VALUE
            ADD   R1, R1, R1
            ADD   R2, R1, R1
            ADD   R2, R2, R2
            ADD   R1, R1, R2
            ADD   R1, R1, R0
            LD    R2, MINUSZERO
            ADD   R1, R1, R2
            ST    R1, VALUE
            RET

; A number ends: with a space, a letter or a sign.
ENDNUMBER   LD    R1, SUM
            LD    R2, VALUE
            ADD   R1, R1, R2
            ST    R1, SUM
LEAVE       AND   R4, R4, #0
            RET
NUMNAME     LD    R1, SUM
            LD    R2, VALUE
            ADD   R1, R1, R2
            ST    R1, SUM
            BRnzp NAME
NUMSIGN     LD    R1, SUM
            LD    R2, VALUE
            ADD   R1, R1, R2
            ST    R1, SUM

; A sign, which is one character.
SIGN        LD    R1, SIGNS
            ADD   R1, R1, #1
            ST    R1, SIGNS
            AND   R4, R4, #0
            RET

; SETCLASS gives class R0 to the R2 characters from R1 on. R3 = the table.
; It changes R1 and R2.

SETCLASS    ADD   R1, R1, R3
SNEXT       STR   R0, R1, #0
            ADD   R1, R1, #1
            ADD   R2, R2, #-1
            BRp   SNEXT
            RET

PASSES      .FILL xC350             ; 50,000
LEFT        .BLKW #1
NAMES       .BLKW #1
NUMBERS     .BLKW #1
SIGNS       .BLKW #1
SUM         .BLKW #1                ; of the numbers
VALUE       .BLKW #1                ; of the number that we are in
CLASSES     .FILL x4000
ALLCHARS    .FILL #128
SPACES      .FILL #33
CAPITALA    .FILL x41
SMALLA      .FILL x61
ALPHABET    .FILL #26
ZERO        .FILL x30
MINUSZERO   .FILL #-48
ROUTINESAT  .FILL ROUTINES
TEXT        .FILL LINES
TEXTNAMES   .STRINGZ " names, "
TEXTNUMBERS .STRINGZ " numbers that make "
TEXTSUM     .STRINGZ ", "
TEXTSIGNS   .STRINGZ " signs\n"

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

; The text. Each line ends with a space, so that nothing is left open at its end.
LINES       .STRINGZ "10 REM change for 1000 in coins of 200, 100, 50, 20, 10, 5, 2, 1 "
            .STRINGZ "20 LET ways = 0 "
            .STRINGZ "30 FOR a1 = 0 TO 1000 STEP 200 "
            .STRINGZ "40 FOR b2 = a1 TO 1000 STEP 100 "
            .STRINGZ "50 IF (b2 - a1) / 50 > 17 THEN 90 "
            .STRINGZ "60 LET c3 = (1000-b2) * 2 + 25*(a1+1) "
            .STRINGZ "70 LET ways = ways+c3/5-3x "
            .STRINGZ "80 NEXT b2 "
            .STRINGZ "90 NEXT a1 "
            .STRINGZ "100 PRINT ways "
            .FILL #0                ; an empty line
            .END
