; interp.asm - an interpreter for a small stack machine
;
; A machine in the machine. Its program is a list of words: an operation's number
; and, for some, one operand. FETCH takes the next number, finds the address of
; the operation's routine in a table and jumps there by JMP; each routine ends
; by going back to FETCH.
;
;   0 halt            4 add                  7 jump if zero, to
;   1 push a number   5 subtract             8 jump if positive, to
;   2 load variable   6 jump to              9 print
;   3 store variable
;
; 4 and 5 take two numbers off the stack and put the result there; 3, 7, 8 and
; 9 take one off.
;
; The program that it runs counts primes below 1600 the slow way: for each n it tries
; d = 2, 3, 4 ... until one divides n, taking d away from n as often as it goes.
; n is prime if that first d is n itself.
;
; Prints 251: the number of primes below 1600, as the sieve has it.
;
; instructions: 185925611

            .ORIG x3000

; R3 = the table of routines, R4 = the variables, R5 = the next word of the program,
; R6 = the top of the stack.
            LEA   R3, ROUTINES
            LEA   R4, VARIABLES
            LD    R5, PROGRAMAT
            LD    R6, STACK

FETCH       LDR   R1, R5, #0
            ADD   R5, R5, #1
            ADD   R1, R1, R3
            LDR   R1, R1, #0
            JMP   R1

; The routines. An operand is at R5, and R5 must go over it.
DOPUSH      LDR   R0, R5, #0
            ADD   R5, R5, #1
            ADD   R6, R6, #-1
            STR   R0, R6, #0
            BRnzp FETCH

DOLOAD      LDR   R1, R5, #0
            ADD   R5, R5, #1
            ADD   R1, R1, R4
            LDR   R0, R1, #0
            ADD   R6, R6, #-1
            STR   R0, R6, #0
            BRnzp FETCH

DOSTORE     LDR   R1, R5, #0
            ADD   R5, R5, #1
            ADD   R1, R1, R4
            LDR   R0, R6, #0
            ADD   R6, R6, #1
            STR   R0, R1, #0
            BRnzp FETCH

DOADD       LDR   R1, R6, #0
            LDR   R0, R6, #1
            ADD   R0, R0, R1
            ADD   R6, R6, #1
            STR   R0, R6, #0
            BRnzp FETCH

DOSUB       LDR   R1, R6, #0
            LDR   R0, R6, #1
            NOT   R1, R1
            ADD   R1, R1, #1
            ADD   R0, R0, R1
            ADD   R6, R6, #1
            STR   R0, R6, #0
            BRnzp FETCH

DOJUMP      LDR   R5, R5, #0
            BRnzp FETCH

DOJZERO     ADD   R6, R6, #1
            LDR   R0, R6, #-1
            BRz   DOJUMP
            ADD   R5, R5, #1
            BRnzp FETCH

DOJPOS      ADD   R6, R6, #1
            LDR   R0, R6, #-1
            BRp   DOJUMP
            ADD   R5, R5, #1
            BRnzp FETCH

DOPRINT     LDR   R0, R6, #0
            ADD   R6, R6, #1
            JSR   PRINTNUM
            LEA   R0, NEWLINE
            PUTS
            BRnzp FETCH

DOHALT      HALT

ROUTINES    .FILL DOHALT
            .FILL DOPUSH
            .FILL DOLOAD
            .FILL DOSTORE
            .FILL DOADD
            .FILL DOSUB
            .FILL DOJUMP
            .FILL DOJZERO
            .FILL DOJPOS
            .FILL DOPRINT

VARIABLES   .FILL #0                ; 0: n
            .FILL #0                ; 1: d
            .FILL #0                ; 2: r, what is left of n
            .FILL #0                ; 3: primes so far
STACK       .FILL xFE00             ; grows down: the first push goes to xFDFF
PROGRAMAT   .FILL PROGRAM
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

; The program.

PROGRAM     .FILL #1                ; push 0
            .FILL #0
            .FILL #3                ; store primes
            .FILL #3
            .FILL #1                ; push 2
            .FILL #2
            .FILL #3                ; store n
            .FILL #0

; For each n: d = 2
EACHN       .FILL #1                ; push 2
            .FILL #2
            .FILL #3                ; store d
            .FILL #1

; d = n: nothing smaller divides n
EACHD       .FILL #2                ; load n
            .FILL #0
            .FILL #2                ; load d
            .FILL #1
            .FILL #5                ; subtract
            .FILL #7                ; if zero: prime
            .FILL PRIME

; r = n; r = r - d for as long as r is positive
            .FILL #2                ; load n
            .FILL #0
            .FILL #3                ; store r
            .FILL #2
TAKED       .FILL #2                ; load r
            .FILL #2
            .FILL #2                ; load d
            .FILL #1
            .FILL #5                ; subtract
            .FILL #3                ; store r
            .FILL #2
            .FILL #2                ; load r
            .FILL #2
            .FILL #8                ; if positive: again
            .FILL TAKED

; r = 0: d divides n, so go to the next n; else to the next d
            .FILL #2                ; load r
            .FILL #2
            .FILL #7                ; if zero: next n
            .FILL NEXTN
            .FILL #2                ; load d
            .FILL #1
            .FILL #1                ; push 1
            .FILL #1
            .FILL #4                ; add
            .FILL #3                ; store d
            .FILL #1
            .FILL #6                ; jump
            .FILL EACHD

; primes = primes + 1
PRIME       .FILL #2                ; load primes
            .FILL #3
            .FILL #1                ; push 1
            .FILL #1
            .FILL #4                ; add
            .FILL #3                ; store primes
            .FILL #3

; n = n + 1, until it is 1600
NEXTN       .FILL #2                ; load n
            .FILL #0
            .FILL #1                ; push 1
            .FILL #1
            .FILL #4                ; add
            .FILL #3                ; store n
            .FILL #0
            .FILL #1                ; push 1600
            .FILL #1600
            .FILL #2                ; load n
            .FILL #0
            .FILL #5                ; subtract
            .FILL #8                ; if positive: go on
            .FILL EACHN

            .FILL #2                ; load primes
            .FILL #3
            .FILL #9                ; print
            .FILL #0                ; halt
            .END
