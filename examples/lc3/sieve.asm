; sieve.asm - the sieve of Eratosthenes
;
; Counts the primes below 16,384 (2 to the 14th), a thousand times over.
; One word a number, from x4000 on: 0 means not crossed out. For each p that is
; not crossed out, with p * p below the bound, its multiples from p * p on are
; crossed out. What is left from 2 on is prime.
;
; The flags end at x7FFF, and that makes the end test free: an address that runs
; past the end is x8000 or more, which the machine sees as negative.
;
; Prints 1900: the number of primes below 2^14, as trial division finds it and
; as the tables have it (1899 odd ones and 2).
;
; instructions: 203828153

            .ORIG x3000

            LD    R0, PASSES
            ST    R0, LEFT

; Nothing is crossed out.
SIEVE       AND   R0, R0, #0
            LD    R1, FLAGS
CLEAR       STR   R0, R1, #0
            ADD   R1, R1, #1
            BRp   CLEAR

; For every p whose square is below the bound ...
            ADD   R0, R0, #1        ; R0 = 1, the mark
            LD    R3, FLAGS
            AND   R4, R4, #0
            ADD   R4, R4, #2        ; R4 = p
            ADD   R5, R4, #2        ; R5 = p * p
NEXTP       ADD   R1, R3, R4
            LDR   R1, R1, #0
            BRp   SQUARE            ; p is crossed out, and so are its multiples
; ... cross out p * p, p * p + p, ...
            ADD   R1, R3, R5
CROSS       STR   R0, R1, #0
            ADD   R1, R1, R4
            BRp   CROSS
; The next square without multiplying: (p+1)(p+1) = p*p + p + (p+1).
SQUARE      ADD   R5, R5, R4
            ADD   R4, R4, #1
            ADD   R5, R5, R4
            ADD   R1, R3, R5
            BRp   NEXTP

; Count what is left, from 2 on.
            AND   R2, R2, #0
            ADD   R1, R3, #2
COUNT       LDR   R0, R1, #0
            BRp   COMPOSITE
            ADD   R2, R2, #1
COMPOSITE   ADD   R1, R1, #1
            BRp   COUNT

            LD    R0, LEFT
            ADD   R0, R0, #-1
            ST    R0, LEFT
            BRp   SIEVE

            ADD   R0, R2, #0
            JSR   PRINTNUM
            LEA   R0, TEXT
            PUTS
            HALT

PASSES      .FILL #1000
LEFT        .BLKW #1
FLAGS       .FILL x4000
TEXT        .STRINGZ " primes below 16384\n"

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
