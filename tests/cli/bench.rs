//! `kiln bench`.

use super::*;

#[test]
fn bench_says_what_did_not_halt() {
    let folder = Folder::new("endless");
    let forever = folder.file("forever.asm", FOREVER);
    let (code, _, err) = outcome(&mut kiln(&["bench", &forever, "--runs", "1", "--budget", "1000"]));
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("did not halt; its runs ended: budget"), "{err}");
}

#[test]
fn bench_prints_a_table() {
    let folder = Folder::new("bench");
    let (loops, seven) = (folder.file("loops.asm", LOOPS), folder.file("seven.asm", SEVEN));
    let (code, out, err) = outcome(&mut kiln(&["bench", &loops, &seven, "--runs", "2", "--hot", "500"]));
    assert_eq!((code, err.as_str()), (0, ""));
    let row = out.lines().find(|line| line.contains("loops.asm")).unwrap();
    assert_eq!(row.split_whitespace().nth(1), Some(LOOPS_COUNT.to_string().as_str()));
    assert!(out.contains("seven.asm") && out.contains("geometric mean of 2"), "{out}");
}

#[cfg(feature = "plot")]
#[test]
fn bench_draws_a_chart() {
    let folder = Folder::new("plot");
    let (loops, chart) = (folder.file("loops.asm", LOOPS), folder.path("speeds.svg"));
    kiln(&["bench", &loops, "--runs", "1", "--plot", &chart]).assert().code(0);
    let svg = fs::read_to_string(&chart).unwrap();
    for text in ["<svg", "interpreter", "with the JIT", "loops", "Millions of instructions a second"] {
        assert!(svg.contains(text), "{text}: {svg}");
    }
    refuses(&["bench", &loops, "--plot", &loops], 64, "would replace the source");
    let (code, out, err) = outcome(&mut kiln(&["bench", &loops, "--plot", &folder.path("no/such/place")]));
    assert_eq!(code, 74);
    assert!(out.contains("geometric mean of 1") && err.contains("cannot write"), "{out}{err}");
}

/// The machine's options hold for the other processes, too.
#[test]
fn bench_compares_with_c() {
    let folder = Folder::new("native");
    let loops = folder.file("loops.asm", LOOPS.replace("x3000", "x3100"));
    let changes = ".ORIG x3000\nLD R0,A\nST R0,L\nL LEA R0,A\nHALT\nA .FILL x5020\n.END\n";
    let changes = folder.file("changes.asm", changes);
    let arguments =
        ["bench", "--native", &loops, &changes, "--runs", "1", "--start", "origin", "--seed", "7"];
    let (code, out, err) = outcome(&mut kiln(&arguments));
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("changes.asm has no time in C") && err.contains("changes its code"), "{err}");
    let row = out.lines().find(|line| line.contains("loops.asm")).unwrap();
    assert_eq!(row.split_whitespace().nth(1), Some(LOOPS_COUNT.to_string().as_str()));
    assert_eq!(row.split_whitespace().count(), 12, "{out}");
    assert!(out.contains("geometric mean of 1 ratios run/C"), "{out}");
    let mut command = kiln(&["bench", "--native", &loops]);
    let (code, out, err) = outcome(command.env("CC", "/no/such/compiler"));
    assert_eq!((code, out.as_str()), (69, ""));
    assert!(err.contains("needs a C compiler; /no/such/compiler") && err.lines().count() == 1, "{err}");
    let (code, _, err) = outcome(kiln(&["bench", "--native", &loops]).env("CC", "false"));
    assert_eq!(code, 69);
    assert!(err.contains("the C compiler refuses loops.asm"), "{err}");
}

#[test]
fn bench_tells_when_machines_are_warm() {
    let folder = Folder::new("warmup");
    let loops = folder.file("loops.asm", LOOPS);
    let (code, out, err) = outcome(&mut kiln(&["bench", "--warmup", &loops, "--runs", "1", "--hot", "500"]));
    assert_eq!((code, err.as_str()), (0, ""));
    let row: Vec<&str> =
        out.lines().find(|line| line.contains("loops.asm")).unwrap().split_whitespace().collect();
    assert_eq!(row[1], LOOPS_COUNT.to_string());
    let [warm, cold] = [row[2], row[3]].map(|seconds| seconds.parse::<f64>().unwrap());
    assert!(warm > 0.0 && cold > 0.0, "{out}");
    assert!(out.contains("until a machine is warm"), "{out}");
}
