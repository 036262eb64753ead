; selfmod2.asm - a program that changes its own instructions all the time
;
; Adds up a table the way it was done before machines had index registers: the
; instruction that loads from the table is incremented in each iteration, so that its
; offset names the next word. The change comes right before the instruction is
; executed: a machine that fetches ahead, or keeps a translation, must notice.
;
; The table holds the odd numbers 1, 3, 5 ... 199. It is added up 40,000 times: in
; two rounds of 20,000, as a number goes up to 32,767.
;
; Prints "10000, 20000 times, and again 20000": the sum of the first n odd numbers is n
; squared, and every pass must have found that.
;
; instructions: 28400799

            .ORIG x3000

; The odd numbers.
            LEA   R1, TABLE
            LD    R2, COUNT
            AND   R0, R0, #0
            ADD   R0, R0, #1
FILL        STR   R0, R1, #0
            ADD   R0, R0, #2
            ADD   R1, R1, #1
            ADD   R2, R2, #-1
            BRp   FILL

            LD    R0, FETCH
            ST    R0, ATSTART       ; what the instruction is before any change
            JSR   ROUND
            ADD   R0, R1, #0
            JSR   PRINTNUM
            LEA   R0, TEXTFIRST
            PUTS
            ADD   R0, R5, #0
            JSR   PRINTNUM
            LEA   R0, TEXTTIMES
            PUTS
            JSR   ROUND
            ADD   R0, R5, #0
            JSR   PRINTNUM
            LEA   R0, NEWLINE
            PUTS
            HALT

; ROUND adds up the table 20,000 times: R1 = the sum, R5 = how often it was right.

ROUND       AND   R5, R5, #0
            LD    R4, PASSES
PASS        LD    R0, ATSTART
            ST    R0, FETCH         ; back to the word before the table
            AND   R1, R1, #0
            LD    R3, COUNT

EACHWORD    LD    R0, FETCH
            ADD   R0, R0, #1
            ST    R0, FETCH
FETCH       LD    R2, BEFORE        ; changed: the next word of the table
            ADD   R1, R1, R2
            ADD   R3, R3, #-1
            BRp   EACHWORD

            LD    R0, MINUSSUM
            ADD   R0, R0, R1
            BRnp  MISSED
            ADD   R5, R5, #1
MISSED      ADD   R4, R4, #-1
            BRp   PASS
            RET

ATSTART     .BLKW #1

PASSES      .FILL #20000
COUNT       .FILL #100
MINUSSUM    .FILL #-10000
TEXTFIRST   .STRINGZ ", "
TEXTTIMES   .STRINGZ " times, and again "
NEWLINE     .STRINGZ "\n"
BEFORE      .BLKW #1
TABLE       .BLKW #100

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
