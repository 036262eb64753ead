; list.asm - walking and reversing a linked list
;
; A list of 4,096 nodes, each two words: the address of the next node (0 at the end)
; and a value. Neighbours in the list are far apart in memory: the order of the nodes is
; x -> 5x + 1723 modulo 4096, which meets every number from 0 to 4095 once. The values
; are 0, 1, 2 ... in the order of the list.
;
; The list is walked, adding up the values and counting the nodes, and reversed
; in place, 5,001 times over.
;
; Prints "4096 nodes, sum 63488, first 4095": 0 + 1 + ... + 4095 = 8386560, which is
; 63488 modulo 65536, and after an odd number of reversals the last is the first.
;
; instructions: 204961176

            .ORIG x3000

; Make the list. R1 = x, R2 = the node before, R3 = the node, R4 = its value.
            AND   R1, R1, #0
            AND   R4, R4, #0
            LD    R3, NODES
            ST    R3, HEAD
MAKE        STR   R4, R3, #1
            ADD   R0, R1, R1
            ADD   R0, R0, R0
            ADD   R1, R1, R0        ; 5x
            LD    R0, STEP
            ADD   R1, R1, R0
            LD    R0, MASK
            AND   R1, R1, R0
            ADD   R2, R3, #0
            LD    R3, NODES
            ADD   R3, R3, R1
            ADD   R3, R3, R1        ; two words a node
            STR   R3, R2, #0
            ADD   R4, R4, #1
            LD    R0, MINUSCOUNT
            ADD   R0, R0, R4
            BRn   MAKE
            AND   R0, R0, #0
            STR   R0, R2, #0        ; the last one ends the list

            LD    R0, PASSES
            ST    R0, LEFT

; Walk: R4 = nodes, R5 = sum.
PASS        AND   R4, R4, #0
            AND   R5, R5, #0
            LD    R1, HEAD
WALK        LDR   R0, R1, #1
            ADD   R5, R5, R0
            ADD   R4, R4, #1
            LDR   R1, R1, #0
            BRnp  WALK

; Reverse: R1 = the rest of the list, R2 = what is reversed.
            AND   R2, R2, #0
            LD    R1, HEAD
REVERSE     LDR   R0, R1, #0
            STR   R2, R1, #0
            ADD   R2, R1, #0
            ADD   R1, R0, #0
            BRnp  REVERSE
            ST    R2, HEAD

            LD    R0, LEFT
            ADD   R0, R0, #-1
            ST    R0, LEFT
            BRp   PASS

            ADD   R0, R4, #0
            JSR   PRINTNUM
            LEA   R0, TEXTNODES
            PUTS
            ADD   R0, R5, #0
            JSR   PRINTNUM
            LEA   R0, TEXTFIRST
            PUTS
            LD    R1, HEAD
            LDR   R0, R1, #1
            JSR   PRINTNUM
            LEA   R0, TEXTEND
            PUTS
            HALT

PASSES      .FILL #5001
LEFT        .BLKW #1
HEAD        .BLKW #1
NODES       .FILL x4000
STEP        .FILL #1723
MASK        .FILL x0FFF
MINUSCOUNT  .FILL #-4096
TEXTNODES   .STRINGZ " nodes, sum "
TEXTFIRST   .STRINGZ ", first "
TEXTEND     .STRINGZ "\n"

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
