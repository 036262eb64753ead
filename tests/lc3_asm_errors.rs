//! What the LC-3 assembler says about texts that are wrong, and how it looks.

use std::ops::Range;

use kiln::diagnostic::{Diagnostic, Severity, Source, Style};
use kiln::guests::lc3::asm::assemble;

/// The rendering of everything wrong with a text.
fn complaints(source: &str) -> String {
    Source::new("test.asm", source).render_all(&assemble("test.asm", source).diagnostics, Style::Plain)
}

/// The one message about statements at x3000, with its label and hints, without the excerpt.
fn complaint(statements: &str) -> String {
    let source = format!(".ORIG x3000\n{statements}\n.END\n");
    let diagnostics = assemble("test.asm", &source).diagnostics;
    assert_eq!(diagnostics.len(), 1, "{}", complaints(&source));
    let one = &diagnostics[0];
    let span = one.span().expect("a place");
    let (line, column) = Source::new("", &source).position(span.start);
    let level = if one.severity == Severity::Error { "error" } else { "warning" };
    format!("{line}:{column} {level}: {} [{}]", one.message, &source[span])
}

#[test]
fn every_error_in_one_line() {
    for (text, said) in [
        ("ADD R0, R0, #16", "2:13 error: immediate 16 does not fit in 5 bits [#16]"),
        ("LDR R0, R0, #-33", "2:13 error: offset -33 does not fit in 6 bits [#-33]"),
        ("BR #256", "2:4 error: offset 256 does not fit in 9 bits [#256]"),
        ("LD R0, x3010", "2:8 error: offset `x3010` does not fit in 9 bits [x3010]"),
        ("JSR #1024", "2:5 error: offset 1024 does not fit in 11 bits [#1024]"),
        ("TRAP -1", "2:6 error: the trap vector does not fit in 8 bits [-1]"),
        ("TRAP x100", "2:6 error: the trap vector does not fit in 8 bits [x100]"),
        (".FILL 65536", "2:7 error: the number does not fit in a word [65536]"),
        (".FILL -32769", "2:7 error: the number does not fit in a word [-32769]"),
        (".FILL 99999999999999999999", "2:7 error: the number does not fit in a word [99999999999999999999]"),
        (".BLKW -1", "2:7 error: the number of words does not fit in 16 bits [-1]"),
        (".BLKW 0", "2:7 warning: `.BLKW` of no words [0]"),
        (".FILL #", "2:7 error: `#` is not a number [#]"),
        (".FILL 12ab", "2:7 error: `12ab` is not a number [12ab]"),
        (".FILL 0b12", "2:7 error: `0b12` is not a number [0b12]"),
        (".FILL --1", "2:7 error: `--1` is not a number [--1]"),
        (".FILL NONE", "2:7 error: label `NONE` is not defined [NONE]"),
        (".FILL", "2:6 error: an operand is missing []"),
        (".FILL 1 2", "2:9 error: too many operands [2]"),
        (".FILL R1", "2:7 error: expected a number or a label, found register R1 [R1]"),
        (".STRINGZ 5", "2:10 error: expected a string, found a number [5]"),
        (".STRINGZ \"abc ; d", "2:10 error: the string has no end [\"abc ; d]"),
        (".STRINGZ \"a\\q\"", "2:12 error: unknown escape in a string [\\q]"),
        (".STRINGZ \"\\x4\"", "2:11 error: `\\x` without two hexadecimal digits [\\x]"),
        (".STRINGZ \"😀\"", "2:11 error: `😀` (U+1F600) does not fit in a word [😀]"),
        (".STRINGZ “x”", "2:10 error: unexpected character `“` (U+201C) [“]"),
        (".FILL 'ab'", "2:7 error: a character literal is one character between apostrophes ['a]"),
        (".FILL '", "2:7 error: a character literal is one character between apostrophes [']"),
        (".EXTERNAL 5", "2:11 error: expected a label, found a number [5]"),
        (".EXTERNAL X\nX HALT", "3:1 error: label `X` is defined twice [X]"),
        ("LEA R0, X\nHALT\nX .FILL 1\n.EXTERNAL X", "5:11 error: label `X` is defined twice [X]"),
        ("HALT\n.EXTERNAL X", "3:11 warning: label `X` is never used [X]"),
        (".FIL 1", "2:1 error: unknown directive `.FIL` [.FIL]"),
        ("A ADDD R0, R0, R0", "2:3 error: unknown instruction `ADDD` [ADDD]"),
        ("LAE R0, X", "2:1 error: unknown instruction `LAE` [LAE]"),
        ("A HLAT", "2:3 error: unknown instruction `HLAT` [HLAT]"),
        ("HLAT\nHALT", "2:1 warning: `HLAT` is taken as a label [HLAT]"),
        ("END\nHALT", "2:1 warning: `END` is taken as a label [END]"),
        ("ADD: HALT", "2:1 warning: label `ADD` is also an instruction [ADD]"),
        ("R3 HALT", "2:1 error: `R3` is a register, so it can't be a label [R3]"),
        ("NOT R1", "2:7 error: an operand is missing []"),
        ("NOT R1,", "2:8 error: an operand is missing []"),
        ("NOT , R1", "2:5 error: expected an operand [,]"),
        ("NOT R1,,R2", "2:8 error: expected an operand [,]"),
        ("NOT R1, R2, R3", "2:11 error: too many operands [, R3]"),
        ("NOT R1, R8", "2:9 error: expected a register, found `R8` [R8]"),
        ("ADD R1, R2, X", "2:13 error: expected a register or a number, found `X` [X]"),
        ("LD R1, R2", "2:8 error: expected a label or an offset, found register R2 [R2]"),
        ("LDR R1, R2, X", "2:13 error: expected a number, found `X` [X]"),
        ("RET R7", "2:5 error: too many operands [R7]"),
        ("5", "2:1 error: a statement starts with a label, an instruction or a directive [5]"),
        ("HALT // done", "2:6 error: unexpected character `/` [/]"),
        ("HALT \u{0}", "2:6 error: unexpected character U+0000 [\u{0}]"),
        ("A .FILL 1\na .FILL 2", "3:1 error: label `a` is defined twice [a]"),
        ("LD R0, L\n.BLKW 256\nL", "2:8 error: label `L` is too far away for LD [L]"),
        (".ORIG x10000", "2:7 error: the address does not fit in 16 bits [x10000]"),
        ("HALT\n.ORIG x4000", "3:1 warning: `.ORIG` before the `.END` of the block above [.ORIG]"),
        (".BLKW xD000\nHALT\nHALT", "3:1 error: the program runs past xFFFF, the end of memory [HALT]"),
        (".BLKW xD000\nL", "3:1 error: label `L` is at x10000 [L]"),
    ] {
        assert_eq!(complaint(text), said, "{text}");
    }
}

#[test]
fn one_mistake_is_said_once() {
    for source in [".ORIG HERE\nA LD R0, A\n.END\n.ORIG x3000\nHALT\n.END", "HALT\nHALT\n.END"] {
        assert_eq!(assemble("test.asm", source).diagnostics.len(), 1, "{}", complaints(source));
    }
}

#[test]
fn bits_that_are_too_many() {
    for text in ["x20", "x21", "x10001", "x1FFFF", "#31", "x-11", "b100000"] {
        let said = complaint(&format!("ADD R0, R0, {text}"));
        assert!(said.contains("does not fit in 5 bits"), "{said}");
    }
}

/// What is rendered for a text, as a golden page.
#[track_caller]
fn golden(source: &str, expected: &str) {
    let found = complaints(source);
    assert_eq!(found, expected, "\n{found}");
}

#[test]
fn all_errors_of_a_text_at_once() {
    golden(
        ".ORIG x3000\n\tADD R0, R0, #300\n\tBRp LOPP\nLOOP\tLD R1, FAR\n\t.BLKW 300\n\
         FAR\tADD R1\nLOOP\tNOT R1, R1\n",
        "\
warning: the program has no `.END`
 --> test.asm:1:1
  |
1 | .ORIG x3000
  | ^^^^^^^^^^^ this block is not closed
  |
  = help: put `.END` on a line after its last word

error: immediate 300 does not fit in 5 bits
 --> test.asm:2:14
  |
2 |     ADD R0, R0, #300
  |                 ^^^^ must be -16…15
  |
  = help: for a larger number, LD it from a `.FILL` with a label

error: label `LOPP` is not defined
 --> test.asm:3:6
  |
3 |     BRp LOPP
  |         ^^^^ no such label
  |
  = help: did you mean `LOOP`?

error: label `FAR` is too far away for LD
 --> test.asm:4:13
  |
4 | LOOP    LD R1, FAR
  |                ^^^ offset 300 does not fit in 9 bits (-256…255)
5 |     .BLKW 300
6 | FAR    ADD R1
  | --- the label is here
  |
  = help: put `.FILL FAR` with a label nearby, and use LDI; or move it nearer

error: an operand is missing
 --> test.asm:6:11
  |
6 | FAR    ADD R1
  |        ---   ^ expected here
  |
  = help: write `ADD R0, R1, R2` or `ADD R0, R1, #5`

error: label `LOOP` is defined twice
 --> test.asm:7:1
  |
4 | LOOP    LD R1, FAR
  | ---- first defined here
...
7 | LOOP    NOT R1, R1
  | ^^^^ defined again here
",
    );
}

#[test]
fn blocks_that_overlap() {
    let source = ".ORIG x3000\n.BLKW 16\n.END\n\n\n\n\n\n\n\n.ORIG x300F\n HALT\n.END\nmy notes\n";
    golden(
        source,
        "\
error: two blocks overlap at x300F
  --> test.asm:11:1
   |
11 | .ORIG x300F
   | ^^^^^^^^^^^ 1 word from x300F on
   |
  ::: test.asm:1:1
   |
 1 | .ORIG x3000
   | ----------- 16 words from x3000 on

warning: text after `.END` is ignored
  --> test.asm:14:1
   |
14 | my notes
   | ^^^^^^^^ ignored from here on
",
    );
}

#[test]
fn a_text_without_origin() {
    golden(
        "; nothing\nHALT",
        "\
error: the program has no `.ORIG` before this
 --> test.asm:2:1
  |
2 | HALT
  | ^^^^ has no address
  |
  = help: start with `.ORIG x3000`

warning: the program has no `.END`
 --> test.asm:2:1
  |
2 | HALT
  | ^^^^ this block is not closed
  |
  = help: put `.END` on a line after its last word
",
    );
    golden(
        "",
        "\
error: the program is empty: it has no `.ORIG`
 --> test.asm:1:1
  |
1 |
  | ^ the text ends here
  |
  = help: start with `.ORIG x3000`
",
    );
}

#[test]
fn rendering_is_safe() {
    let source = format!(".ORIG x3000\n.FILL \u{1b}[2J\u{9b}2J\n{}(\n.END", " ".repeat(9000));
    let diagnostics = assemble("te\u{1b}st\u{9b}.asm", &source).diagnostics;
    for style in [Style::Plain, Style::Coloured] {
        let shown = Source::new("te\u{1b}st\u{9b}.asm", &source).render_all(&diagnostics, style);
        assert!(!shown.contains('\u{9b}') && !shown.contains("\u{1b}[2J"), "{shown:?}");
        assert_eq!(shown.contains('\u{1b}'), style == Style::Coloured);
        assert!(shown.contains(":3:9001"), "{shown}");
        assert!(shown.lines().all(|line| line.len() < 1000));
    }
    let out_of_range = Diagnostic::error("x").at(5..900, "y").because(Range { start: 7, end: 3 }, "z");
    assert!(Source::new("a", "é\n").render(&out_of_range, Style::Plain).contains("a:2:1"));
    assert_eq!(Source::new("a", "é\nb").position(4), (2, 2));
    assert_eq!(Source::new("a", "é\nb").position(1), (1, 1));
}
