; strings.asm - string routines at work on a text
;
; Goes over the lines of a text, 12,000 times, and finds for each its length, the number
; of its words, how often "the" occurs in it, and whether it is a palindrome: whether
; its letters, small and capital taken as the same, read the same backwards.
; A routine for each: LENGTH, WORDS, FIND, LETTERS, REVERSE, COMPARE.
;
; Prints "376 characters, 82 words, 11 times the, 6 palindromes", which can be counted
; by hand; the palindromes are every second line.
;
; instructions: 230124432

            .ORIG x3000

            LD    R0, PASSES
            ST    R0, LEFT

PASS        AND   R0, R0, #0
            ST    R0, CHARS
            ST    R0, WORDCOUNT
            ST    R0, FOUND
            ST    R0, PALINDROMES
            LD    R6, TEXT          ; R6 = the line

; A line. The empty one is the end.
EACHLINE    ADD   R1, R6, #0
            JSR   LENGTH
            ADD   R0, R0, #0
            BRz   PASSED
            ST    R0, LINELENGTH
            LD    R1, CHARS
            ADD   R1, R1, R0
            ST    R1, CHARS

            ADD   R1, R6, #0
            JSR   WORDS
            LD    R1, WORDCOUNT
            ADD   R1, R1, R0
            ST    R1, WORDCOUNT

            ADD   R1, R6, #0
            LEA   R2, PATTERN
            JSR   FIND
            LD    R1, FOUND
            ADD   R1, R1, R0
            ST    R1, FOUND

            ADD   R1, R6, #0
            LD    R2, FORWARD
            JSR   LETTERS
            LD    R1, FORWARD
            LD    R2, BACKWARD
            JSR   REVERSE
            LD    R1, FORWARD
            LD    R2, BACKWARD
            JSR   COMPARE
            ADD   R0, R0, #0
            BRnp  NEXTLINE
            LD    R1, PALINDROMES
            ADD   R1, R1, #1
            ST    R1, PALINDROMES

NEXTLINE    LD    R0, LINELENGTH
            ADD   R6, R6, R0
            ADD   R6, R6, #1        ; over the zero at the end
            BRnzp EACHLINE

PASSED      LD    R0, LEFT
            ADD   R0, R0, #-1
            ST    R0, LEFT
            BRp   PASS

            LD    R0, CHARS
            JSR   PRINTNUM
            LEA   R0, TEXTCHARS
            PUTS
            LD    R0, WORDCOUNT
            JSR   PRINTNUM
            LEA   R0, TEXTWORDS
            PUTS
            LD    R0, FOUND
            JSR   PRINTNUM
            LEA   R0, TEXTFOUND
            PUTS
            LD    R0, PALINDROMES
            JSR   PRINTNUM
            LEA   R0, TEXTPALS
            PUTS
            HALT

PASSES      .FILL #12000
LEFT        .BLKW #1
LINELENGTH  .BLKW #1
CHARS       .BLKW #1
WORDCOUNT   .BLKW #1
FOUND       .BLKW #1
PALINDROMES .BLKW #1
TEXT        .FILL LINES
FORWARD     .FILL x5000             ; room for a line
BACKWARD    .FILL x5100             ; room for another
PATTERN     .STRINGZ "the"
TEXTCHARS   .STRINGZ " characters, "
TEXTWORDS   .STRINGZ " words, "
TEXTFOUND   .STRINGZ " times the, "
TEXTPALS    .STRINGZ " palindromes\n"

; LENGTH: R0 = the number of characters of the string at R1. It changes R1 and R2.

LENGTH      AND   R0, R0, #0
LNEXT       LDR   R2, R1, #0
            BRz   LDONE
            ADD   R0, R0, #1
            ADD   R1, R1, #1
            BRnzp LNEXT
LDONE       RET

; WORDS: R0 = the number of words, with spaces between, of the string at R1. A word
; starts where a character follows a space. It changes R1 to R4.

WORDS       AND   R0, R0, #0
            LD    R3, MINUSSPACE
            AND   R4, R4, #0        ; R4 = 0 after a space
WNEXT       LDR   R2, R1, #0
            BRz   WDONE
            ADD   R1, R1, #1
            ADD   R2, R2, R3
            BRz   WSPACE
            ADD   R4, R4, #0
            BRnp  WNEXT
            ADD   R0, R0, #1
WSPACE      ADD   R4, R2, #0
            BRnzp WNEXT
WDONE       RET
MINUSSPACE  .FILL #-32

; FIND: R0 = how often the string at R2 occurs in the string at R1.
; It changes R1, R3, R4 and R5.

FIND        ST    R7, FSAVE7
            AND   R0, R0, #0
FSTART      LDR   R3, R1, #0
            BRz   FDONE
            ADD   R3, R1, #0        ; along the text
            ADD   R4, R2, #0        ; along the pattern
FMATCH      LDR   R5, R4, #0
            BRz   FFOUND            ; nothing left of the pattern
            NOT   R5, R5
            ADD   R5, R5, #1
            LDR   R7, R3, #0
            ADD   R5, R5, R7
            BRnp  FNEXT
            ADD   R3, R3, #1
            ADD   R4, R4, #1
            BRnzp FMATCH
FFOUND      ADD   R0, R0, #1
FNEXT       ADD   R1, R1, #1
            BRnzp FSTART
FDONE       LD    R7, FSAVE7
            RET
FSAVE7      .BLKW #1

; LETTERS copies the letters of the string at R1, made small, to R2.
; It changes R0 to R4.

LETTERS     LDR   R0, R1, #0
            BRz   TDONE
            ADD   R1, R1, #1
            LD    R3, TSMALLA
            ADD   R4, R0, R3
            BRzp  TSMALL            ; from a on
            LD    R3, TBIGA
            ADD   R4, R0, R3
            BRn   LETTERS           ; below A
            LD    R3, TBIGZ
            ADD   R4, R0, R3
            BRp   LETTERS           ; between Z and a
            LD    R3, TTOSMALL
            ADD   R0, R0, R3
TSMALL      LD    R3, TSMALLZ
            ADD   R4, R0, R3
            BRp   LETTERS           ; above z
            STR   R0, R2, #0
            ADD   R2, R2, #1
            BRnzp LETTERS
TDONE       STR   R0, R2, #0
            RET
TSMALLA     .FILL #-97
TSMALLZ     .FILL #-122
TBIGA       .FILL #-65
TBIGZ       .FILL #-90
TTOSMALL    .FILL #32

; REVERSE copies the string at R1 to R2, last character first.
; It changes R0 to R3.

REVERSE     ADD   R3, R1, #0
VEND        LDR   R0, R3, #0
            BRz   VBACK
            ADD   R3, R3, #1
            BRnzp VEND
VBACK       NOT   R1, R1
            ADD   R1, R1, #1
            ADD   R1, R1, R3        ; R1 = characters to go
            BRz   VDONE
VNEXT       ADD   R3, R3, #-1
            LDR   R0, R3, #0
            STR   R0, R2, #0
            ADD   R2, R2, #1
            ADD   R1, R1, #-1
            BRp   VNEXT
VDONE       AND   R0, R0, #0
            STR   R0, R2, #0
            RET

; COMPARE: R0 = 0 if the strings at R1 and R2 are the same, else the difference where
; they part. It changes R1, R2 and R3.

COMPARE     LDR   R3, R1, #0
            NOT   R0, R3
            ADD   R0, R0, #1
            ADD   R1, R1, #1
            ADD   R2, R2, #1
            LDR   R3, R2, #-1
            BRz   CEND
            ADD   R0, R0, R3
            BRz   COMPARE
            RET
CEND        ADD   R0, R0, R3
            RET

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

LINES       .STRINGZ "Neither the one nor the other is there."
            .STRINGZ "A man, a plan, a canal: Panama"
            .STRINGZ "The rain in Spain stays mainly in the plain."
            .STRINGZ "Never odd or even"
            .STRINGZ "All that glitters is not gold."
            .STRINGZ "Was it a car or a cat I saw"
            .STRINGZ "The early bird catches the worm."
            .STRINGZ "Step on no pets"
            .STRINGZ "Where there is smoke, there is fire."
            .STRINGZ "Madam, in Eden I'm Adam"
            .STRINGZ "Many hands make light work, and the soup is spoiled by the cooks."
            .STRINGZ "No lemon, no melon"
            .FILL #0                ; an empty line
            .END
