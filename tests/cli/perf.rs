//! `kiln run --perf-map --jitdump`.

use super::*;

/// The fields of these sizes that follow one another in `bytes`, and what is behind them.
fn fields<const N: usize>(bytes: &[u8], sizes: [usize; N]) -> ([u64; N], &[u8]) {
    let mut rest = bytes;
    let values = sizes.map(|size| {
        let (field, behind) = rest.split_at(size);
        rest = behind;
        let mut wide = [0; 8];
        wide[..size].copy_from_slice(field);
        u64::from_le_bytes(wide)
    });
    (values, rest)
}

fn text(bytes: &[u8]) -> (&str, &[u8]) {
    let end = bytes.iter().position(|&b| b == 0).unwrap();
    (std::str::from_utf8(&bytes[..end]).unwrap(), &bytes[end + 1..])
}

#[test]
fn perf_is_told_where_native_code_is_and_what_it_is_called() {
    let folder = Folder::new("perf");
    let loops = folder.file("loops.asm", LOOPS);
    let mut command = kiln(&["run", &loops, "--hot", "500", "--perf-map", "--jitdump"]);
    let (code, out, err) = outcome(command.current_dir(&folder.0));
    assert_eq!((code, out.as_str()), (0, "done\n"), "{err}");

    let path = err.lines().find_map(|line| line.split_once(" regions in /tmp/")).unwrap().1;
    let map = fs::read_to_string(PathBuf::from("/tmp").join(path)).unwrap();
    fs::remove_file(PathBuf::from("/tmp").join(path)).unwrap();
    let dumps: Vec<_> = fs::read_dir(&folder.0).unwrap().map(|file| file.unwrap().path()).collect();
    let dump = fs::read(dumps.iter().find(|path| path.extension().unwrap() == "dump").unwrap()).unwrap();

    // Linux, tools/perf/Documentation/jitdump-specification.txt.
    let ([magic, version, size, _, _, process, created, flags], mut rest) =
        fields(&dump, [4, 4, 4, 4, 4, 4, 8, 8]);
    assert_eq!((magic, version, size, flags), (0x4A69_5444, 1, 40, 0));
    assert!(path.contains(&process.to_string()));
    let (mut regions, mut lines) = (String::new(), Vec::new());
    while !rest.is_empty() {
        let ([kind, size, time], _) = fields(rest, [4, 4, 8]);
        assert!(time >= created);
        let (record, behind) = rest.split_at(size as usize);
        rest = behind;
        match kind {
            0 => {
                let ([pid, _, vma, address, len, _], named) = fields(&record[16..], [4, 4, 8, 8, 8, 8]);
                let (name, code) = text(named);
                assert_eq!((pid, vma, code.len() as u64), (process, address, len));
                regions += &format!("{address:x} {len:x} {name}\n");
            }
            2 => {
                let ([_, count], mut entries) = fields(&record[16..], [8, 8]);
                for _ in 0..count {
                    let ([_, line, _], named) = fields(entries, [8, 4, 4]);
                    let (file, behind) = text(named);
                    assert_eq!(file, loops);
                    lines.push(line);
                    entries = behind;
                }
                assert!(entries.is_empty());
            }
            other => panic!("record {other}"),
        }
    }
    assert_eq!(map, regions);
    assert!(map.contains("lc3:x3004 INNER\n"), "{map}");
    // The inner loop is on these lines of the source.
    assert!([6, 7, 8].iter().all(|line| lines.contains(line)), "{lines:?}");
}
