; output.asm - two million characters of output
;
; First the numbers from 0 to 65535, a line each, in decimal, hexadecimal and binary,
; character by character by OUT. Then 5,000 lines of the pattern that tests
; terminals (the character generator of RFC 864): 72 of the 95 printable characters,
; each line one place further than the one before, a line at a time by PUTS.
;
; The output is what the conversions of any other language print: 1,823,898 characters in
; the first part, 73 * 5000 = 365,000 in the second.
;
; instructions: 31146367

            .ORIG x3000

; The numbers, from 0 until adding 1 gives 0 again.
            AND   R6, R6, #0
EACHNUMBER  ADD   R0, R6, #0
            JSR   PRINTNUM
            LD    R0, SPACE
            OUT
            ADD   R0, R6, #0
            JSR   PRINTHEX
            LD    R0, SPACE
            OUT
            ADD   R0, R6, #0
            JSR   PRINTBIN
            LD    R0, NEWLINE
            OUT
            ADD   R6, R6, #1
            BRnp  EACHNUMBER

; The printable characters, x20 to x7E, twice one behind the other: any 72 that follow
; each other going round are in one piece.
            LD    R1, RING
            AND   R3, R3, #0
            ADD   R3, R3, #2
TWICE       LD    R0, SPACE
            LD    R2, PRINTABLE
FILL        STR   R0, R1, #0
            ADD   R0, R0, #1
            ADD   R1, R1, #1
            ADD   R2, R2, #-1
            BRp   FILL
            ADD   R3, R3, #-1
            BRp   TWICE

; A line is cut out of the ring by a newline and a zero behind it, and what was there
; is put back. R1 = where the line begins, R2 = where it ends, R5 = lines to go,
; R6 = begins to go before the ring is round.
            LD    R5, LINES
ROUND       LD    R1, RING
            LD    R6, PRINTABLE
EACHLINE    LD    R2, WIDTH
            ADD   R2, R2, R1
            LDR   R3, R2, #0
            LDR   R4, R2, #1
            LD    R0, NEWLINE
            STR   R0, R2, #0
            AND   R0, R0, #0
            STR   R0, R2, #1
            ADD   R0, R1, #0
            PUTS
            STR   R3, R2, #0
            STR   R4, R2, #1
            ADD   R5, R5, #-1
            BRz   DONE
            ADD   R1, R1, #1
            ADD   R6, R6, #-1
            BRp   EACHLINE
            BRnzp ROUND
DONE        HALT

SPACE       .FILL x20
NEWLINE     .FILL x0A
PRINTABLE   .FILL #95
RING        .FILL x4000
WIDTH       .FILL #72
LINES       .FILL #5000

; PRINTBIN prints R0 as sixteen binary digits. It changes R0, R1 and R2.

PRINTBIN    ST    R7, PBSAVE7
            ADD   R1, R0, #0
            LD    R2, PBBITS
PBBIT       LD    R0, PBZERO
            ADD   R1, R1, #0
            BRzp  PBSHOW
            ADD   R0, R0, #1        ; the top bit is one
PBSHOW      OUT
            ADD   R1, R1, R1
            ADD   R2, R2, #-1
            BRp   PBBIT
            LD    R7, PBSAVE7
            RET
PBBITS      .FILL #16
PBZERO      .FILL x30
PBSAVE7     .BLKW #1

; PRINTHEX prints R0 as four hexadecimal digits. It changes R0 to R4.
; Four bits at a time move out at the top of R1 and into the digit in R3.

PRINTHEX    ST    R7, PHSAVE7
            ADD   R1, R0, #0
            AND   R2, R2, #0
            ADD   R2, R2, #4        ; R2 = digits to go
PHDIGIT     AND   R3, R3, #0        ; R3 = the digit
            AND   R4, R4, #0
            ADD   R4, R4, #4        ; R4 = bits to go
PHBIT       ADD   R3, R3, R3
            ADD   R1, R1, #0
            BRzp  PHZERO
            ADD   R3, R3, #1        ; the top bit of R1 is one
PHZERO      ADD   R1, R1, R1
            ADD   R4, R4, #-1
            BRp   PHBIT
            LEA   R0, PHCHARS
            ADD   R0, R0, R3
            LDR   R0, R0, #0
            OUT
            ADD   R2, R2, #-1
            BRp   PHDIGIT
            LD    R7, PHSAVE7
            RET
PHCHARS     .STRINGZ "0123456789ABCDEF"
PHSAVE7     .BLKW #1

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
