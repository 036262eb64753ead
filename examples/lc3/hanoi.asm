; hanoi.asm - the Towers of Hanoi, with real disks
;
; Moves 15 disks from the first peg to the last, 150 times. To move n disks, move n-1
; out of the way, move the greatest, move the n-1 on top of it. Every move
; takes a disk from an array and puts it on another, and looks whether
; the disk below is greater.
;
; A peg is an array whose first word is the address of its top disk. The next is a
; disk that never moves and is greater than all.
;
; Prints "32767 moves, 0 wrong, 15 on the last peg": 2^15 - 1 moves.
;
; instructions: 221191118

            .ORIG x3000

            LD    R0, PASSES
            ST    R0, LEFT
            LD    R6, STACK

; All disks on the first peg, the greatest first. The others are empty.
PASS        LEA   R2, FIRSTPEG
            LD    R0, GROUND
            STR   R0, R2, #1
            ADD   R1, R2, #1
            LD    R0, DISKS
FILL        ADD   R1, R1, #1
            STR   R0, R1, #0
            ADD   R0, R0, #-1
            BRp   FILL
            STR   R1, R2, #0
            LD    R0, GROUND
            LEA   R2, MIDDLEPEG
            ADD   R1, R2, #1
            STR   R1, R2, #0
            STR   R0, R1, #0
            LEA   R2, LASTPEG
            ADD   R1, R2, #1
            STR   R1, R2, #0
            STR   R0, R1, #0

            AND   R0, R0, #0
            ST    R0, MOVES
            ST    R0, WRONG
            LD    R1, DISKS
            LEA   R2, FIRSTPEG
            LEA   R3, LASTPEG
            LEA   R4, MIDDLEPEG
            JSR   HANOI

            LD    R0, LEFT
            ADD   R0, R0, #-1
            ST    R0, LEFT
            BRp   PASS

            LD    R0, MOVES
            JSR   PRINTNUM
            LEA   R0, TEXTMOVES
            PUTS
            LD    R0, WRONG
            JSR   PRINTNUM
            LEA   R0, TEXTWRONG
            PUTS
            LEA   R1, LASTPEG       ; disks = address of the top - address of the first word - 1
            LDR   R0, R1, #0
            NOT   R1, R1
            ADD   R0, R0, R1
            JSR   PRINTNUM
            LEA   R0, TEXTLAST
            PUTS
            HALT

PASSES      .FILL #150
LEFT        .BLKW #1
STACK       .FILL xFE00             ; grows down: the first push goes to xFDFF
DISKS       .FILL #15
GROUND      .FILL #99
MOVES       .BLKW #1
WRONG       .BLKW #1
FIRSTPEG    .BLKW #17
MIDDLEPEG   .BLKW #17
LASTPEG     .BLKW #17
TEXTMOVES   .STRINGZ " moves, "
TEXTWRONG   .STRINGZ " wrong, "
TEXTLAST    .STRINGZ " on the last peg\n"

; HANOI moves the R1 top disks of peg R2 to peg R3 by way of peg R4.
; It keeps R1 to R4.

HANOI       ADD   R1, R1, #0
            BRp   HMOVE
            RET                     ; nothing to move
HMOVE       ADD   R6, R6, #-5
            STR   R7, R6, #4
            STR   R1, R6, #3
            STR   R2, R6, #2
            STR   R3, R6, #1
            STR   R4, R6, #0

; n-1 disks to the peg that is left over.
            ADD   R1, R1, #-1
            ADD   R0, R3, #0
            ADD   R3, R4, #0
            ADD   R4, R0, #0
            JSR   HANOI
            LDR   R3, R6, #1
            LDR   R4, R6, #0

; One disk, R5, from R2 to R3.
            LDR   R0, R2, #0
            LDR   R5, R0, #0
            ADD   R0, R0, #-1
            STR   R0, R2, #0
            LDR   R0, R3, #0
            LDR   R7, R0, #0        ; the disk that it goes on
            NOT   R7, R7
            ADD   R7, R7, #1
            ADD   R7, R7, R5
            BRn   HRIGHT
            LD    R7, WRONG
            ADD   R7, R7, #1
            ST    R7, WRONG
HRIGHT      ADD   R0, R0, #1
            STR   R5, R0, #0
            STR   R0, R3, #0
            LD    R0, MOVES
            ADD   R0, R0, #1
            ST    R0, MOVES

; The n-1 disks on top of it.
            ADD   R0, R2, #0
            ADD   R2, R4, #0
            ADD   R4, R0, #0
            JSR   HANOI

            LDR   R7, R6, #4
            LDR   R1, R6, #3
            LDR   R2, R6, #2
            LDR   R3, R6, #1
            LDR   R4, R6, #0
            ADD   R6, R6, #5
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
