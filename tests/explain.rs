//! `kiln explain`: what the page and the data say is what the run did, and the page needs nothing else.

mod common;

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use assert_cmd::Command;
use common::{at_threshold, program, run};
use kiln::explain::profile::Profile;
use kiln::fuzz::Case;
use serde_json::Value;

/// 40 × 5,000 turns, and a call in each of the 40.
const LOOPS: &str = "\
.ORIG x3000
        LD R2,TIMES
OUTER   LD R1,COUNT
INNER   ADD R3,R3,#3
        ADD R1,R1,#-1
        BRp INNER
        JSR STEP
        ADD R2,R2,#-1
        BRp OUTER
        HALT
STEP    ADD R4,R4,#1
        RET
TIMES   .FILL #40
COUNT   .FILL #5000
        .END
";
const LOOPS_COUNT: u64 = 2 + 40 * (1 + 3 * 5000 + 5);

/// A folder of a test's own.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Folder {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("explain-{test}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// Explains a program: the page, the data and what it wrote.
    fn explain(&self, name: &str, source: &str, options: &[&str]) -> (String, Value, String) {
        let (image, page, data) = (self.path(name), self.path("page.html"), self.path("data.json"));
        fs::write(&image, source).unwrap();
        let mut command = kiln(&["explain", &image, "-o", &page, "--json", &data]);
        let output = command.args(options).assert().code(0).get_output().clone();
        let data = serde_json::from_slice(&fs::read(data).unwrap()).unwrap();
        (fs::read_to_string(page).unwrap(), data, String::from_utf8(output.stdout).unwrap())
    }
}

fn kiln(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kiln"));
    command.args(arguments).timeout(std::time::Duration::from_secs(120)).write_stdin("");
    command
}

/// Asserts that every element is closed where it has to be, and that nothing is fetched.
fn check(page: &str) {
    for outside in ["http:", "https:", "//cdn", "<link", "@import", "url(", " src=", "fetch("] {
        assert!(!page.contains(outside), "the page refers to something outside itself: {outside}");
    }
    let (head, rest) = page.split_once("<script>").unwrap();
    let (_, foot) = rest.split_once("</script>").unwrap();
    let (before, rest) = head.split_once("<style>").unwrap();
    let (_, body) = rest.split_once("</style>").unwrap();
    let text = [before, body, foot].concat();
    let mut open: Vec<&str> = Vec::new();
    for piece in text.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap_or_else(|| panic!("a tag does not end: <{piece}"));
        assert!(!text.contains('>'), "what is not escaped: {piece}");
        let name = tag.split([' ', '\n']).next().unwrap();
        // These need not be closed.
        if matches!(name, "!DOCTYPE" | "meta" | "br" | "wbr" | "td" | "th") || tag.ends_with('/') {
            continue;
        }
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "at <{piece}"),
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "not closed: {open:?}");
    check_references(&text);
}

/// The values of an attribute, in their order.
fn values<'a>(text: &'a str, attribute: &str) -> Vec<&'a str> {
    let start = format!(" {attribute}=\"");
    text.split(&*start).skip(1).map(|rest| rest.split_once('"').unwrap().0).collect()
}

/// Asserts that every link leads somewhere, and that what lights up together is there.
fn check_references(text: &str) {
    let ids = values(text, "id");
    let unique: HashSet<&str> = ids.iter().copied().collect();
    assert_eq!(unique.len(), ids.len(), "an id is there twice: {ids:?}");
    for link in values(text, "href") {
        let id = link.strip_prefix('#').unwrap_or_else(|| panic!("{link} leads out of the page"));
        assert!(unique.contains(id), "{link} leads nowhere");
    }
    // A block is in the drawing, in the listing, or in both, and each leads to the other.
    let links: HashSet<&str> = values(text, "href").into_iter().collect();
    let blocks = values(text, "data-block");
    for block in &blocks {
        let places = [format!("#box{block}"), format!("#block{block}")];
        let is_there = |link: &String| unique.contains(&link[1..]);
        let count = blocks.iter().filter(|other| *other == block).count();
        assert_eq!(count, places.iter().filter(|link| is_there(link)).count(), "{block}");
        assert!(count < 2 || places.iter().all(|link| links.contains(&**link)), "{block} is not linked");
    }
}

fn findings(data: &Value) -> String {
    let sentences = data["findings"].as_array().unwrap().iter().map(|finding| finding.as_str().unwrap());
    sentences.collect::<Vec<_>>().join("\n")
}

#[test]
#[cfg(feature = "jit")]
fn a_loop_is_explained() {
    let (page, data, _) = Folder::new("loops").explain("loops.asm", LOOPS, &["--hot", "2000"]);
    check(&page);
    for sign in [
        "x3002 INNER",
        "ADD R3, R3, #3",
        "loops.asm:4",
        "iadd",
        "the budget must last",
        "class=\"way",
        "ended: halted",
        "href=\"#box",
        "href=\"#block",
        "href=\"#region",
        "data-pc=",
    ] {
        assert!(page.contains(sign), "{sign}");
    }
    assert_eq!(data["instructions"], LOOPS_COUNT);
    let regions = data["regions"].as_array().unwrap();
    let retired: u64 = regions.iter().map(|region| region["retired"].as_u64().unwrap()).sum();
    assert_eq!(retired + data["interpreted"].as_u64().unwrap(), LOOPS_COUNT);
    assert_eq!(data["others"]["places"], 0);
    let runs: u64 = regions.iter().map(|region| region["runs"].as_u64().unwrap()).sum();
    let exits =
        |exits: &Value| exits.as_array().unwrap().iter().map(|exit| exit[1].as_u64().unwrap()).sum::<u64>();
    assert_eq!(exits(&data["exits"]), runs);
    assert_eq!(regions.iter().map(|region| exits(&region["exits"])).sum::<u64>(), runs);
    // The samples are near the truth, and the way round the loop is taken as often.
    let blocks = regions[0]["blocks"].as_array().unwrap();
    let all = || blocks.iter().flat_map(|block| block["instructions"].as_array().unwrap());
    let inner = all().find(|instruction| instruction["pc"] == 0x3002).unwrap();
    let executed = inner["executed"].as_f64().unwrap();
    assert!((executed / 200_000.0 - 1.0).abs() < 0.1, "{executed}");
    let copies = all().filter(|instruction| instruction["pc"] == 0x3002).count() as f64;
    let back = blocks.iter().flat_map(|block| block["edges"].as_array().unwrap());
    let back = back.filter(|edge| edge["place"] == "x3002 INNER").map(|edge| edge["went"].as_f64().unwrap());
    let most = back.fold(0.0, f64::max) * copies;
    assert!((most / 200_000.0 - 1.0).abs() < 0.2, "{most}");
    assert!(all().any(|instruction| !instruction["clif"].as_array().unwrap().is_empty()));
    if cfg!(target_arch = "x86_64") {
        assert!(all().any(|instruction| !instruction["code"].as_array().unwrap().is_empty()));
    }
}

#[test]
#[cfg(feature = "jit")]
fn what_is_made_again_is_told_and_why() {
    // The loop's second instruction is another one from the first turn of the outer loop on.
    let rewrites = "\
.ORIG x3000
        LD R2,TIMES
OUTER   LD R1,COUNT
INNER   ADD R3,R3,#3
CHANGED ADD R4,R4,#1
        ADD R1,R1,#-1
        BRp INNER
        LD R5,OTHER
        ST R5,CHANGED
        ADD R2,R2,#-1
        BRp OUTER
        HALT
TIMES   .FILL #30
COUNT   .FILL #5000
OTHER   ADD R4,R4,#2
        .END
";
    let (page, data, _) = Folder::new("rewrites").explain("rewrites.asm", rewrites, &["--hot", "2000"]);
    check(&page);
    assert!(page.contains("the instruction at x3003 CHANGED was written"), "{}", findings(&data));
    assert!(
        findings(&data).contains("dropped because a word that went into it was written"),
        "{}",
        findings(&data)
    );
    assert!(data["regions"][0]["versions"].as_array().unwrap().len() > 1);
    let texts: Vec<&str> =
        data["events"].as_array().unwrap().iter().map(|event| event["text"].as_str().unwrap()).collect();
    assert!(texts[0].starts_with("compiled: "), "{texts:?}");
    assert!(texts.iter().any(|text| text.ends_with("for the 2nd time")), "{texts:?}");
}

#[test]
#[cfg(feature = "jit")]
fn regions_beyond_those_shown_are_summed() {
    let (page, data, _) =
        Folder::new("others").explain("loops.asm", LOOPS, &["--hot", "1", "--regions", "1"]);
    check(&page);
    assert_eq!(data["regions"].as_array().unwrap().len(), 1);
    assert!(data["others"]["places"].as_u64().unwrap() > 0);
    assert!(page.contains("other places"));
    let interpreted = data["interpreted"].as_f64().unwrap() / LOOPS_COUNT as f64;
    let shares = data["regions"][0]["share"].as_f64().unwrap() + data["others"]["share"].as_f64().unwrap();
    assert!((shares + interpreted - 1.0).abs() < 1e-9, "{shares} {interpreted}");
}

#[test]
fn where_nothing_is_compiled_it_says_why() {
    let folder = Folder::new("nothing");
    let (page, data, _) = folder.explain("loops.asm", LOOPS, &["--hot", "100000000"]);
    check(&page);
    assert!(data["regions"].as_array().unwrap().is_empty());
    assert_eq!(data["interpreted"], LOOPS_COUNT);
    let why = if cfg!(feature = "jit") {
        "nothing was hot. x3002 INNER came nearest, with 599,"
    } else {
        "as this build has no JIT"
    };
    assert!(findings(&data).contains(why), "{}", findings(&data));
    assert!(page.contains("What the interpreter did most") && page.contains("ADD R3, R3, #3"));
    let (page, data, _) = folder.explain("halt.asm", ".ORIG x3000\nHALT\n.END\n", &[]);
    check(&page);
    assert_eq!(data["instructions"], 1);
}

#[test]
fn input_and_budget_are_as_in_a_run() {
    let folder = Folder::new("input");
    let echo = ".ORIG x3000\nL GETC\nOUT\nBR L\n.END\n";
    let keys = folder.path("keys.txt");
    fs::write(&keys, "abc").unwrap();
    let (page, data, out) = folder.explain("echo.asm", echo, &["--stdin", &keys]);
    check(&page);
    // The second run reads the same and writes nothing.
    assert_eq!((out.as_str(), data["ended"].as_str().unwrap()), ("abc", "input"));
    assert_eq!(data["interpreted_most"][0]["executed"], 3);
    let (_, data, _) = folder.explain("loops.asm", LOOPS, &["--budget", "1000"]);
    assert_eq!((data["instructions"].as_u64().unwrap(), data["ended"].as_str().unwrap()), (1000, "budget"));
}

#[test]
fn names_are_escaped() {
    let name = "<b>&\"'.asm";
    let (page, _, _) = Folder::new("names").explain(name, LOOPS, &["--hot", "1"]);
    check(&page);
    assert!(!page.contains("<b>&"));
}

#[test]
fn what_cannot_be_done_is_refused() {
    let folder = Folder::new("refused");
    let image = folder.path("loops.asm");
    fs::write(&image, LOOPS).unwrap();
    kiln(&["explain", &image]).assert().code(64);
    kiln(&["explain", &folder.path("none.asm"), "-o", &folder.path("page.html")]).assert().code(66);
    kiln(&["explain", &image, "-o", &folder.path("no/page.html")]).assert().code(74);
}

#[test]
fn a_profile_of_a_short_run_is_exact() {
    let case = program(".ORIG x3000\nAND R1,R1,#0\nADD R1,R1,#15\nLOOP ADD R1,R1,#-1\nBRp LOOP\nHALT\n.END");
    let plain = run(&case, at_threshold(), 1 << 20);
    let mut profile = Profile::default();
    let (mut vm, _) = case.machine(at_threshold());
    let stop = profile.run(&mut vm, 1 << 20);
    assert!(matches!(stop, kiln::guest::Stop::Halted));
    assert_eq!(vm.instructions(), plain.vm.instructions());
    assert_eq!([0x3000, 0x3002, 0x3003, 0x3004].map(|pc| profile.executed(pc)), [1, 15, 15, 1]);
    assert_eq!((profile.went(0x3003, 0x3002), profile.went(0x3003, 0x3004)), (14, 1));
}
