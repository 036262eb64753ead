; What students bring along from other machines.
        .ORIG x3000
        MOV   R0, R1
        PUSH  R0
        SUB   R0, R0, #1
        CALL  WORK
        LD    R1, R2
        LDR   R1, R2, TABLE
        JMP   WORK
        BRz   R3
        ADD   R0, R0, TABLE
        JSR   R4
        HLT
TABLE   .WORD 5
NAME    .ASCIIZ "Ann"
WORK    RETURN
        .END
