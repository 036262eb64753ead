; edigits.asm - five thousand digits of e
;
; e = 2 + 1/2! + 1/3! + ..., which is a number written in mixed base: place i counts
; 1/i!, and the digit is 1 in every place. To have the next decimal digit, multiply by
; ten: from the last place to the second, ten times the place plus the carry
; is divided by i; the remainder stays, the quotient is carried. What comes
; out in front is the digit. (Sale 1968, the first of the spigot algorithms.)
;
; The quotient is always below ten, so division is by taking away, and nothing exceeds
; ten times the number of places. 1,800 places do, as 1800! has 5,080 digits.
;
; Prints e to 5,000 decimals, fifty a line. They are those of the exact sum of 1/i!
; in whole numbers, and begin 2.71828 18284 59045 23536 02874 71352 66249 77572.
;
; instructions: 337238869

            .ORIG x3000

; The digit 1 in the places 2 to 1800.
            LD    R1, PLACES
            LD    R2, COUNT
            ADD   R2, R2, #-1
            AND   R0, R0, #0
            ADD   R0, R0, #1
FILL        STR   R0, R1, #2
            ADD   R1, R1, #1
            ADD   R2, R2, #-1
            BRp   FILL

            LEA   R0, TEXTTWO
            PUTS

EACHLINE    LD    R0, PERLINE
            ST    R0, ONLINE

; One digit: R1 = the place, R2 = carry, R3 = i, R4 = -i.
EACHDIGIT   AND   R2, R2, #0
            LD    R3, COUNT
            LD    R1, PLACES
            ADD   R1, R1, R3
            NOT   R4, R3
            ADD   R4, R4, #1
EACHPLACE   LDR   R0, R1, #0
            ADD   R0, R0, R0        ; 2x
            ADD   R5, R0, R0        ; 4x
            ADD   R5, R5, R5        ; 8x
            ADD   R0, R0, R5        ; 10x
            ADD   R0, R0, R2
            AND   R2, R2, #0
DIVIDE      ADD   R5, R0, R4
            BRn   DIVIDED
            ADD   R0, R5, #0
            ADD   R2, R2, #1
            BRnzp DIVIDE
DIVIDED     STR   R0, R1, #0
            ADD   R1, R1, #-1
            ADD   R4, R4, #1
            ADD   R3, R3, #-1
            ADD   R0, R3, #-1
            BRp   EACHPLACE

            LD    R0, ZERO
            ADD   R0, R0, R2
            OUT
            LD    R0, ONLINE
            ADD   R0, R0, #-1
            ST    R0, ONLINE
            BRp   EACHDIGIT
            LEA   R0, NEWLINE
            PUTS
            LD    R0, LINES
            ADD   R0, R0, #-1
            ST    R0, LINES
            BRp   EACHLINE
            HALT

PLACES      .FILL x4000
COUNT       .FILL #1800
LINES       .FILL #100
PERLINE     .FILL #50
ONLINE      .BLKW #1
ZERO        .FILL x30               ; the character 0
TEXTTWO     .STRINGZ "2.\n"
NEWLINE     .STRINGZ "\n"
            .END
