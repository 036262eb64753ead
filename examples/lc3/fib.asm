; fib.asm - recursive Fibonacci, with full stack frames
;
; fib(n) is n for n below 2, else fib(n-1) + fib(n-2). The routine computes it as a
; compiler would: the argument is pushed, and the routine makes a frame that R5
; points to for as long as it runs.
;
;   R5 + 0   a local variable: fib(n-1)
;   R5 + 1   the caller's R5
;   R5 + 2   the return address
;   R5 + 3   the result, on top of the stack when the routine has returned
;   R5 + 4   the argument n, pushed by the caller
;
; fib(23) takes 2 * fib(24) - 1 = 92,735 calls, and is computed 120 times.
;
; Prints "fib(23) = 28657": the sequence goes 1, 1, 2, 3, 5 ... 10946, 17711, 28657.
;
; instructions: 222564564

            .ORIG x3000

            LD    R0, PASSES
            ST    R0, LEFT
            LD    R6, STACK

PASS        LD    R0, ARGUMENT
            ADD   R6, R6, #-1
            STR   R0, R6, #0        ; push the argument
            JSR   FIB
            LDR   R4, R6, #0        ; R4 = the result
            ADD   R6, R6, #2        ; drop it and the argument
            LD    R0, LEFT
            ADD   R0, R0, #-1
            ST    R0, LEFT
            BRp   PASS

            LEA   R0, TEXTFIB
            PUTS
            LD    R0, ARGUMENT
            JSR   PRINTNUM
            LEA   R0, TEXTIS
            PUTS
            ADD   R0, R4, #0
            JSR   PRINTNUM
            LEA   R0, TEXTEND
            PUTS
            HALT

PASSES      .FILL #120
LEFT        .BLKW #1
ARGUMENT    .FILL #23
STACK       .FILL xFE00             ; grows down: the first push goes to xFDFF
TEXTFIB     .STRINGZ "fib("
TEXTIS      .STRINGZ ") = "
TEXTEND     .STRINGZ "\n"

; FIB: see above for the frame. It changes R0 and R1.

FIB         ADD   R6, R6, #-4
            STR   R7, R6, #2
            STR   R5, R6, #1
            ADD   R5, R6, #0

            LDR   R0, R5, #4
            ADD   R1, R0, #-2
            BRn   FRESULT           ; n below 2: the result is n

            ADD   R0, R0, #-1
            ADD   R6, R6, #-1
            STR   R0, R6, #0
            JSR   FIB
            LDR   R0, R6, #0
            ADD   R6, R6, #2
            STR   R0, R5, #0        ; fib(n-1)

            LDR   R0, R5, #4
            ADD   R0, R0, #-2
            ADD   R6, R6, #-1
            STR   R0, R6, #0
            JSR   FIB
            LDR   R0, R6, #0        ; fib(n-2)
            ADD   R6, R6, #2
            LDR   R1, R5, #0
            ADD   R0, R0, R1

FRESULT     STR   R0, R5, #3
            ADD   R6, R5, #3        ; leave the result on top
            LDR   R7, R5, #2
            LDR   R5, R5, #1
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
            .END
