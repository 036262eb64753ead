; Größe → naïve, mit CRLF
	.ORIG x3000
	LEA	R0, Größe
	PUTS ; ünïcode
	ADD	R0, R0, #99
	HALT
Größe	.STRINGZ "é😀"
	.END
