//! `kiln fuzz`.

use super::*;

#[test]
fn fuzz_says_what_it_compared() {
    let (code, out, err) =
        outcome(&mut kiln(&["fuzz", "--guest", "lc3", "--cases", "200", "--seed", "0", "--oracle"]));
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("lc3: 200 programs") && out.contains("beside lc3-ensemble"), "{out}");
    assert_eq!(err, "kiln: the first program's number is 0\n");
}

#[test]
fn lox_is_fuzzed_too() {
    let folder = Folder::new("fuzz-lox");
    let out = folder.path("found");
    let fuzz = ["fuzz", "--guest=lox", "--cases=300", "--seed=0", "--jobs=1", "--out", &out];
    let (code, text, _) = outcome(&mut kiln(&fuzz));
    assert!(code == 0 && text.starts_with("lox: 300 programs"), "{text}");
    let (code, _, err) = outcome(kiln(&fuzz).arg("--plant=translation"));
    assert!(code == 1 && err.contains("the runs differ"), "{err}");
    let command = err.lines().last().unwrap().strip_prefix("To run it again: kiln ").unwrap();
    let (code, _, again) = outcome(&mut kiln(&command.split(' ').collect::<Vec<_>>()));
    assert!(code == 1 && again.contains("the runs differ"), "{again}");
}

#[test]
fn what_differs_is_saved_and_can_be_replayed() {
    let folder = Folder::new("fuzz");
    let out = folder.path("found");
    let planted =
        ["fuzz", "--guest=lc3", "--cases=2000", "--seed=0", "--plant=translation", "--jobs=1", "--out", &out];
    let (code, _, err) = outcome(&mut kiln(&planted));
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("the tiers differ") && err.contains("reference"), "{err}");
    let command = err.lines().last().unwrap().strip_prefix("To run it again: kiln ").unwrap();
    let arguments: Vec<&str> = command.split(' ').collect();
    let (code, _, again) = outcome(&mut kiln(&arguments));
    assert!(code == 1 && again.contains("the tiers differ"), "{again}");

    let saved = arguments[2];
    let report = fs::read_to_string(saved.replace(".json", ".txt")).unwrap();
    assert!(report.contains(command) && report.contains("As it was found"), "{report}");
    // Without the bug there is no difference.
    let mended = fs::read_to_string(saved).unwrap().replace("\"translation\"", "null");
    let (code, _, err) = outcome(&mut kiln(&["fuzz", "--replay", &folder.file("mended.json", mended)]));
    assert!(code == 0 && err.contains("the tiers agree on"), "{err}");
    // Nothing else is left there.
    assert_eq!(fs::read_dir(out).unwrap().count(), 2);
}

#[test]
fn what_cannot_be_replayed_or_saved_is_refused() {
    let folder = Folder::new("refuzz");
    for (text, what) in [
        ("{", "not a saved program"),
        ("{}", "says not which `guest` it is for"),
        ("{\"guest\": \"pdp11\"}", "is for pdp11, which is no machine here"),
        ("{\"guest\": \"lc3\", \"config\": {}, \"budgets\": [1]}", "missing field `case`"),
        (
            "{\"guest\": \"byte\", \"config\": {\"tiers\": \"fast\"}, \"budgets\": [], \"case\": []}",
            "unknown variant `fast`",
        ),
        (
            "{\"guest\": \"byte\", \"budgets\": [9, 1073741824], \"config\": {}, \"case\": []}",
            "more than 1073741824",
        ),
        (
            "{\"guest\": \"byte\", \"budgets\": [], \"config\": {\"region_instructions\": 1e6}, \"case\": []}",
            "invalid type",
        ),
        (
            "{\"guest\": \"byte\", \"budgets\": [], \"config\": {\"call_depth\": 5}, \"case\": []}",
            "call_depth: 5 is more than 4",
        ),
    ] {
        refuses(&["fuzz", "--replay", &folder.file("bad.json", text)], 65, what);
    }
    refuses(&["fuzz", "--replay", &folder.path("none.json")], 66, "No such file");
    let nowhere =
        ["fuzz", "--guest=lc3", "--cases=2000", "--seed=0", "--plant=translation", "--out=/dev/null/x"];
    let (code, _, err) = outcome(&mut kiln(&nowhere));
    assert!(code == 74 && err.contains("cannot write /dev/null/x: Not a directory"), "{err}");
}

#[test]
fn a_signal_ends_it_with_what_there_is() {
    let mut child = spawn(&["fuzz", "--guest=wordstack", "--seconds=600"], Stdio::null());
    let mut started = [0; 6];
    child.stderr.as_mut().unwrap().read_exact(&mut started).unwrap();
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(output.stdout.starts_with(b"wordstack: "));
}
