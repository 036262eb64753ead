//! What the Iridium assembler says about texts that are wrong, and how it looks.

use kiln::diagnostic::{Severity, Source, Style};
use kiln::guests::iridium::asm::assemble;
use kiln::guests::iridium::isa::Numbering;

/// The rendering of everything wrong with a text.
fn complaints(source: &str) -> String {
    Source::new("test.iasm", source)
        .render_all(&assemble("test.iasm", source, Numbering::Series).diagnostics, Style::Plain)
}

/// The messages about a text, each in a line with its place and what is marked.
fn said(source: &str) -> Vec<String> {
    let say = |one: &kiln::diagnostic::Diagnostic| {
        let span = one.span().expect("a place");
        let (line, column) = Source::new("", source).position(span.start);
        let level = if one.severity == Severity::Error { "error" } else { "warning" };
        format!("{line}:{column} {level}: {} [{}]", one.message, &source[span])
    };
    assemble("test.iasm", source, Numbering::Series).diagnostics.iter().map(say).collect()
}

#[test]
fn every_error_in_one_line() {
    for (code, expected) in [
        // Operands.
        ("add $1 $2", "2:10 error: an operand is missing []"),
        ("add $1 $2,", "2:11 error: an operand is missing []"),
        ("add $1 $2 $3 $4", "2:14 error: too many operands [$4]"),
        ("hlt $1", "2:5 error: too many operands [$1]"),
        ("add $1 ,, $2", "2:9 error: expected an operand [,]"),
        ("add $1 $2 #5", "2:11 error: expected a register, found an integer [#5]"),
        ("add $1 $2 @l", "2:11 error: expected a register, found label `l` [@l]"),
        ("add $1 $2 3", "2:11 error: expected a register, found `3` [3]"),
        ("add $1 $2 $32", "2:11 error: there is no such register [$32]"),
        ("add $1 $2 $99999999999", "2:11 error: there is no such register [$99999999999]"),
        ("load $1 $2", "2:9 error: expected an integer or a label, found register $2 [$2]"),
        ("load $1 #1.5", "2:9 error: expected an integer or a label, found a fraction [#1.5]"),
        ("load $1 'a'", "2:9 error: expected an integer or a label, found a string ['a']"),
        ("load $1 #2147483648", "2:9 error: the number is out of range [#2147483648]"),
        ("load $1 #-2147483649", "2:9 error: the number is out of range [#-2147483649]"),
        (
            "load $1 #99999999999999999999999",
            "2:9 error: the number is out of range [#99999999999999999999999]",
        ),
        ("lui $1 #65536", "2:8 error: the number is out of range [#65536]"),
        ("lui $1 #-1", "2:8 error: the number is out of range [#-1]"),
        ("cloop #65536", "2:7 error: the number is out of range [#65536]"),
        ("shl $1 #256", "2:8 error: the number is out of range [#256]"),
        ("loadf64 $1 @l", "2:12 error: expected a number, found label `l` [@l]"),
        ("loadf64 $1 #1e400", "2:12 error: no double is this number [#1e400]"),
        ("loadf64 $1 #9007199254740993", "2:12 error: no double is this number [#9007199254740993]"),
        ("jmp @l", "2:5 error: expected a register, found label `l` [@l]"),
        ("jmp l", "2:5 error: expected a register, found `l` [l]"),
        // Names.
        ("ad $1 $2 $3", "2:1 error: unknown instruction `ad` [ad]"),
        ("halt", "2:1 error: unknown instruction `halt` [halt]"),
        (".text", "2:1 error: unknown directive `.text` [.text]"),
        ("djmpe @nowhere", "2:7 error: label `nowhere` is not defined [@nowhere]"),
        ("a: nop\na: nop", "3:1 error: label `a` is defined twice [a]"),
        (".data\na: .asciiz 'a'\na: .asciiz 'b'", "4:1 error: label `a` is defined twice [a]"),
        ("there inc $1", "2:1 error: label `there` without a colon [there]"),
        (".data\na: b .integer #1", "3:4 error: label `b` without a colon [b]"),
        // Data.
        ("a: .asciiz 'a'", "2:4 error: `.asciiz` in the `.code` section [.asciiz]"),
        (".integer #1", "2:1 error: `.integer` in the `.code` section [.integer]"),
        (".data\n.asciiz 'a'", "3:1 error: a string without a label [.asciiz]"),
        (".data\na: .asciiz a", "3:12 error: expected a string, found `a` [a]"),
        (".data\na: .asciiz", "3:11 error: an operand is missing []"),
        (".data\na: .asciiz 'a", "3:12 error: the string has no end ['a]"),
        (".data\na: .asciiz 'a\\q'", "3:14 error: unknown escape in a string [\\q]"),
        (".data\na: .integer #2147483648", "3:13 error: the number is out of range [#2147483648]"),
        (".data\na: .integer #1 #2", "3:16 error: too many operands [#2]"),
        (".data\n.bytes #256", "3:8 error: the number is out of range [#256]"),
        (".data\n.bytes", "3:7 error: an operand is missing []"),
        (".bytes #1 #2 #3", "2:1 error: 3 bytes in the `.code` section [.bytes]"),
        (".data\ninc $1", "3:1 error: an instruction in the `.data` section [inc]"),
        (".code 5", "2:7 error: too many operands [5]"),
        // Characters.
        ("load $1 #", "2:9 error: `#` is not a number [#]"),
        ("load $1 #abc", "2:9 error: `#abc` is not a number [#abc]"),
        ("load $1 #1.2.3", "2:9 error: `#1.2.3` is not a number [#1.2.3]"),
        ("load $1 #--1", "2:9 error: `#--1` is not a number [#--1]"),
        ("loadf64 $1 #inf", "2:12 error: `#inf` is not a number [#inf]"),
        ("inc $", "2:5 error: `$` is not a register [$]"),
        ("inc $r1", "2:5 error: `$r1` is not a register [$r1]"),
        ("djmpe @", "2:7 error: `@` without a label [@]"),
        ("prts \"a\"", "2:6 error: unexpected character `\"` [\"]"),
        ("hlt // done", "2:5 error: unexpected character `/` [/]"),
        ("hlt \u{0}", "2:5 error: unexpected character U+0000 [\u{0}]"),
        ("$1", "2:1 error: a statement starts with a label, an instruction or a directive [$1]"),
        (": nop", "2:1 error: a statement starts with a label, an instruction or a directive [:]"),
        // Likely mistakes.
        ("l: prts @l", "2:9 warning: PRTS with a label of an instruction, not a string [@l]"),
        (
            ".data\na: .integer #1\n.code\ncall @a",
            "5:6 warning: CALL with a label of data, not an instruction [@a]",
        ),
    ] {
        let source = format!(".code\n{code}");
        assert_eq!(said(&source), [expected], "{}", complaints(&source));
    }
}

#[test]
fn sections() {
    assert_eq!(said("hlt"), ["1:1 error: there is no section before this [hlt]"]);
    assert_eq!(said("a: hlt\nhlt"), ["1:1 error: there is no section before this [a]"]);
    assert_eq!(said(""), ["1:1 error: the program has no `.code` section []"]);
    assert_eq!(said(".data\na: .asciiz 'a'"), ["2:15 error: the program has no `.code` section []"]);
    assert!(said(".code").is_empty());
}

#[test]
fn addresses_have_sixteen_bits() {
    let many = "nop\n".repeat(16_400);
    let source = format!(".code\n{many}far: nop\ncall @far\nload $1 @far");
    assert_eq!(
        said(&source),
        [
            "16403:6 error: label `far` is out of reach for CALL [@far]",
            "16404:9 error: label `far` is out of reach for LOAD [@far]",
        ]
    );
}

#[test]
fn a_constant_needs_a_register() {
    let all: String = (0..16).map(|n| format!("ltf64 ${} ${}\n", 2 * n, 2 * n + 1)).collect();
    let source = format!(".code\n{all}loadf64 $1 #1.5");
    assert_eq!(said(&source), ["18:12 error: no register is left to make this number with [#1.5]"]);
    assert!(said(&format!(".code\n{all}loadf64 $1 #15")).is_empty());
}

/// All of a file's mistakes come at once, each with what it would be right.
#[test]
fn how_it_looks() {
    let source = ".data\ngreeting: .asciiz 'hello'\n.asciiz 'nameless'\n.code\nstart: lod $1 #5\n  add $1 $2 $40\n\
        start: prts @greting\n  load $3 #5000000000\n";
    assert_eq!(
        complaints(source),
        r"error: a string without a label
 --> test.iasm:3:1
  |
3 | .asciiz 'nameless'
  | ^^^^^^^ nothing can name this
  |
  = help: put `name:` before it

error: unknown instruction `lod`
 --> test.iasm:5:8
  |
5 | start: lod $1 #5
  |        ^^^ no such instruction
  |
  = help: did you mean `LOAD`?

error: there is no such register
 --> test.iasm:6:13
  |
6 |   add $1 $2 $40
  |             ^^^ must be $0 to $31

error: label `start` is defined twice
 --> test.iasm:7:1
  |
5 | start: lod $1 #5
  | ----- first defined here
6 |   add $1 $2 $40
7 | start: prts @greting
  | ^^^^^ defined again here

error: label `greting` is not defined
 --> test.iasm:7:13
  |
7 | start: prts @greting
  |             ^^^^^^^^ no such label
  |
  = help: did you mean `greeting`?

error: the number is out of range
 --> test.iasm:8:11
  |
8 |   load $3 #5000000000
  |           ^^^^^^^^^^^ must be -2147483648…2147483647
"
    );
}

/// Nobody is shown more than fifty.
#[test]
fn there_is_an_end_to_complaints() {
    let source = format!(".code\n{}", "lod $1 #5\n".repeat(1500));
    let all = assemble("test.iasm", &source, Numbering::Series).diagnostics;
    assert_eq!(all.len(), 51);
    assert_eq!(all[50].message, "1450 more errors are not shown");
}
