; polling.asm - talk to the keyboard and the screen without any traps
;
; The keyboard and the screen are two device registers each, at fixed addresses.
; A status register has bit 15 set when its device is ready, which makes it
; negative, so that one BRzp is enough to wait:
;
;   KBSR xFE00  a key has been pressed       KBDR xFE02  which: reading takes it
;   DSR  xFE04  the screen can take one      DDR  xFE06  writing shows it
;
; The program shows a prompt, then echoes keys up to the end of the line. This is
; what GETC, OUT and PUTS do for other programs. How many instructions it
; takes depends on how long the keyboard lets it wait.

            .ORIG x3000

; Show the prompt: wait for the screen before each character.
            LEA   R2, PROMPT
SHOW        LDR   R0, R2, #0
            BRz   WAITKEY           ; the zero at the end of the text
SHOWWAIT    LDI   R1, DSR
            BRzp  SHOWWAIT
            STI   R0, DDR
            ADD   R2, R2, #1
            BRnzp SHOW

; Wait for a key, take it, wait for the screen, show it.
WAITKEY     LDI   R1, KBSR
            BRzp  WAITKEY
            LDI   R0, KBDR
WAITSCREEN  LDI   R1, DSR
            BRzp  WAITSCREEN
            STI   R0, DDR
            ADD   R1, R0, #-10      ; x0A = 10: the end of the line?
            BRnp  WAITKEY
            HALT

KBSR        .FILL xFE00
KBDR        .FILL xFE02
DSR         .FILL xFE04
DDR         .FILL xFE06
PROMPT      .STRINGZ "Type a line: "
            .END
