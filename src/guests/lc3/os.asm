; The operating system of `--os real`: the services of TRAP x20 to x25, and handlers for what programs do wrong and for
; interrupts that they enable without a handler of their own. All registers are kept but R0, where a service gives
; something back. N Z P are the program's: RTI pops them.

        .ORIG x0020             ; the traps' table
        .FILL GETC
        .FILL OUT
        .FILL PUTS
        .FILL IN
        .FILL PUTSP
        .FILL HALT
        .END

        .ORIG x0100             ; exceptions
        .FILL PRIVILEGE
        .FILL ILLEGAL
        .FILL ACCESS
        .END

        .ORIG x0180             ; interrupts
        .FILL KEYBOARD
        .FILL TIMER
        .END

        .ORIG x0200

; R0 = the next key.
GETC    LDI R0, KBSR
        BRzp GETC
        LDI R0, KBDR
        RTI

; Shows R0's low byte.
OUT     ADD R6, R6, #-1
        STR R7, R6, #0
        JSR SHOW
        LDR R7, R6, #0
        ADD R6, R6, #1
        RTI

; Shows the characters from R0 on, one a word, to a word x0000.
PUTS    ADD R6, R6, #-3
        STR R0, R6, #0
        STR R1, R6, #1
        STR R7, R6, #2
        ADD R1, R0, #0
        JSR TEXT
        LDR R0, R6, #0
        LDR R1, R6, #1
        LDR R7, R6, #2
        ADD R6, R6, #3
        RTI

; R0 = a key that is asked for and shown.
IN      ADD R6, R6, #-2
        STR R1, R6, #0
        STR R7, R6, #1
        LEA R1, PROMPT
        JSR TEXT
KEY     LDI R0, KBSR
        BRzp KEY
        LDI R0, KBDR
        JSR SHOW
        ADD R1, R0, #0
        AND R0, R0, #0
        ADD R0, R0, #10
        JSR SHOW
        ADD R0, R1, #0
        LDR R1, R6, #0
        LDR R7, R6, #1
        ADD R6, R6, #2
        RTI

; Shows the characters from R0 on, two a word, the low byte first, to a word x0000; where ANYNUL is not 0, to any byte x00.
PUTSP   ADD R6, R6, #-5
        STR R0, R6, #0
        STR R1, R6, #1
        STR R2, R6, #2
        STR R3, R6, #3
        STR R7, R6, #4
        ADD R1, R0, #0
PAIR    LDR R2, R1, #0
        BRz SHOWN
        LD R3, LOW
        AND R0, R2, R3
        BRnp FIRST
        LD R3, ANYNUL
        BRnp SHOWN
FIRST   JSR SHOW
        AND R0, R0, #0          ; the high byte, a bit at a time, from the left
        AND R3, R3, #0
        ADD R3, R3, #8
BIT     ADD R0, R0, R0
        ADD R2, R2, #0
        BRzp ZERO
        ADD R0, R0, #1
ZERO    ADD R2, R2, R2
        ADD R3, R3, #-1
        BRp BIT
        ADD R0, R0, #0
        BRz NOHIGH
        JSR SHOW
        ADD R1, R1, #1
        BR PAIR
NOHIGH  LD R3, ANYNUL
        BRnp SHOWN
        ADD R1, R1, #1
        BR PAIR
SHOWN   LDR R0, R6, #0
        LDR R1, R6, #1
        LDR R2, R6, #2
        LDR R3, R6, #3
        LDR R7, R6, #4
        ADD R6, R6, #5
        RTI

; Stops the machine, with R0 as it was: what is written need only have bit 15 clear, as this stack's address has.
HALT    STI R6, MCR
        BR HALT

; A key that nobody waits for: it is taken, and forgotten.
KEYBOARD ADD R6, R6, #-1
        STR R0, R6, #0
        LDI R0, KBDR
        LDR R0, R6, #0
        ADD R6, R6, #1
TIMER   RTI

; What a program did wrong, and where: the address before the one on the stack.
PRIVILEGE LEA R1, PRIVTEXT
        BR WRONG
ILLEGAL LEA R1, ILLTEXT
        BR WRONG
ACCESS  LEA R1, ACCTEXT
WRONG   JSR TEXT
        LEA R1, ATTEXT
        JSR TEXT
        LDR R2, R6, #0
        ADD R2, R2, #-1
        AND R4, R4, #0
        ADD R4, R4, #4
DIGIT   AND R0, R0, #0          ; the next four bits, from the left
        AND R3, R3, #0
        ADD R3, R3, #4
NIBBLE  ADD R0, R0, R0
        ADD R2, R2, #0
        BRzp CLEAR
        ADD R0, R0, #1
CLEAR   ADD R2, R2, R2
        ADD R3, R3, #-1
        BRp NIBBLE
        LEA R3, DIGITS
        ADD R3, R3, R0
        LDR R0, R3, #0
        JSR SHOW
        ADD R4, R4, #-1
        BRp DIGIT
        LEA R1, ENDTEXT
        JSR TEXT
        BR HALT

; Shows R0's low byte. Uses no other register.
SHOW    ADD R6, R6, #-1
        STR R0, R6, #0
READY   LDI R0, DSR
        BRzp READY
        LDR R0, R6, #0
        STI R0, DDR
        ADD R6, R6, #1
        RET

; Shows the text at R1, a character a word. Uses R0 and R1.
TEXT    ADD R6, R6, #-1
        STR R7, R6, #0
NEXT    LDR R0, R1, #0
        BRz ALL
        JSR SHOW
        ADD R1, R1, #1
        BR NEXT
ALL     LDR R7, R6, #0
        ADD R6, R6, #1
        RET

KBSR    .FILL xFE00
KBDR    .FILL xFE02
DSR     .FILL xFE04
DDR     .FILL xFE06
MCR     .FILL xFFFE
LOW     .FILL x00FF
ANYNUL  .FILL 0
PROMPT  .STRINGZ "\nInput a character> "
PRIVTEXT .STRINGZ "\n--- Privilege violation"
ILLTEXT .STRINGZ "\n--- Illegal opcode"
ACCTEXT .STRINGZ "\n--- Access violation"
ATTEXT  .STRINGZ " at x"
ENDTEXT .STRINGZ " ---\n"
DIGITS  .STRINGZ "0123456789ABCDEF"
        .END
