; crc16.asm - CRC-16/CCITT, bit by bit
;
; The checksum is a remainder: the message, as one long binary number, divided
; without carries by the polynomial x1021. Each byte goes in at the top of the
; register; then, eight times, the register shifts left and, where a one went out
; at the top, the polynomial is subtracted, which without carries is XOR.
;
; The machine has no XOR, but a XOR b = a + b - 2 (a AND b): adding makes a carry
; exactly where both bits are one.
;
; Prints two checksums, both started with xFFFF. The first is of the text
; 123456789: the catalogues of checksums give 29B1 for this kind. The second is of
; the bytes x00 to xFF over and over, 2,048,000 of them: 07DF, as any other
; implementation says.
;
; instructions: 180246787

            .ORIG x3000

; The check value.
            LD    R0, INITIAL
            LEA   R1, DIGITS
            AND   R2, R2, #0
            ADD   R2, R2, #9
            JSR   CRC
            JSR   PRINTHEX
            LEA   R0, NEWLINE
            PUTS

; The bytes 0 to 255, one a word, 16 times.
            LD    R1, BUFFER
            LD    R2, LENGTH
            LD    R3, BYTE
            AND   R0, R0, #0
FILL        STR   R0, R1, #0
            ADD   R0, R0, #1
            AND   R0, R0, R3
            ADD   R1, R1, #1
            ADD   R2, R2, #-1
            BRp   FILL

; The long message is that buffer 500 times.
            LD    R0, PASSES
            ST    R0, LEFT
            LD    R0, INITIAL
PASS        LD    R1, BUFFER
            LD    R2, LENGTH
            JSR   CRC
            LD    R1, LEFT
            ADD   R1, R1, #-1
            ST    R1, LEFT
            BRp   PASS
            JSR   PRINTHEX
            LEA   R0, NEWLINE
            PUTS
            HALT

PASSES      .FILL #500
LEFT        .BLKW #1
BUFFER      .FILL x4000
LENGTH      .FILL #4096
BYTE        .FILL x00FF
INITIAL     .FILL xFFFF
DIGITS      .STRINGZ "123456789"
NEWLINE     .STRINGZ "\n"

; CRC continues the checksum in R0 with the R2 bytes at address R1.
; It changes R1 to R6.

CRC         LD    R5, POLYNOMIAL
CBYTE       LDR   R3, R1, #0
            ADD   R3, R3, R3        ; the byte, moved to the top half
            ADD   R3, R3, R3
            ADD   R3, R3, R3
            ADD   R3, R3, R3
            ADD   R3, R3, R3
            ADD   R3, R3, R3
            ADD   R3, R3, R3
            ADD   R3, R3, R3
            AND   R4, R0, R3
            ADD   R4, R4, R4
            NOT   R4, R4
            ADD   R4, R4, #1
            ADD   R0, R0, R3
            ADD   R0, R0, R4        ; R0 = R0 XOR R3

            AND   R6, R6, #0
            ADD   R6, R6, #8        ; R6 = bits to go
CBIT        ADD   R0, R0, #0
            BRn   CONE
            ADD   R0, R0, R0        ; a zero goes out at the top
            BRnzp CNEXT
CONE        ADD   R0, R0, R0        ; a one goes out at the top
            AND   R4, R0, R5
            ADD   R4, R4, R4
            NOT   R4, R4
            ADD   R4, R4, #1
            ADD   R0, R0, R5
            ADD   R0, R0, R4        ; R0 = R0 XOR R5
CNEXT       ADD   R6, R6, #-1
            BRp   CBIT

            ADD   R1, R1, #1
            ADD   R2, R2, #-1
            BRp   CBYTE
            RET
POLYNOMIAL  .FILL x1021

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
            .END
