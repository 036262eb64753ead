//! An explanation as a page of HTML that needs nothing else: styles, script and drawings are in it.

use std::borrow::Borrow;
use std::cmp::{Ordering, Reverse};

use askama::Template;
use kiln::explain::watch::TimeLine;
use kiln::explain::{Block, Edge, Explanation, Happening, HotRegion};
use kiln::record::{Doing, Way, What};

use super::graph::{self, Size};

/// Regions that have a colour of their own in the time line.
const COLOURS: usize = 6;
/// Blocks of a region that are drawn at most: the hottest.
const DRAWN: usize = 60;
/// In a drawing of no more blocks than this their instructions are written.
const WRITTEN: usize = 24;
/// Instructions written in a block at most.
const LINES: usize = 6;

/// The time line's size; its marks are below.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 150.0;
/// A mark's width, and what a label of the axis takes at most.
const MARK: f64 = 9.0;
const LABEL: f64 = 70.0;
/// What a mark tells at most, in lines.
const TOLD: usize = 12;

#[derive(Template)]
#[template(path = "explain.html")]
struct Page<'a> {
    title: &'a str,
    it: &'a Explanation,
    tiles: Vec<Tile>,
    bands: Vec<Band>,
    moments: Vec<Moment>,
    marks: Vec<Mark>,
    ticks: Vec<Tick>,
    cards: Vec<Card<'a>>,
}

/// A number with what it means.
struct Tile {
    name: &'static str,
    value: String,
    note: String,
}

/// What the thread did, as an area over time.
struct Band {
    /// The class that colours it.
    class: String,
    name: String,
    share: String,
    path: String,
    /// The number of the region that it is, to lead there.
    region: Option<usize>,
}

/// A stretch of time, with what was seen in it.
struct Moment {
    x: f64,
    width: f64,
    title: String,
}

/// Regions that came or went, as a mark below the time line.
struct Mark {
    x: f64,
    class: &'static str,
    title: String,
}

/// A label of the time axis.
struct Tick {
    x: f64,
    label: String,
    label_x: f64,
    /// Whether the label is at the left, as there is no room at the right.
    is_left: bool,
}

/// A region.
struct Card<'a> {
    rank: usize,
    region: &'a HotRegion,
    history: Vec<(f64, &'a str)>,
    drawing: Option<Drawing>,
    /// Executions of its hottest instruction, which is a full bar.
    most: u64,
    hidden_blocks: usize,
}

struct Drawing {
    size: Size,
    boxes: Vec<DrawnBlock>,
    ways: Vec<DrawnWay>,
    left_out: usize,
}

impl Drawing {
    /// Whether a block is drawn.
    fn has(&self, block: &usize) -> bool {
        self.boxes.iter().any(|drawn| drawn.number == *block)
    }
}

struct DrawnBlock {
    number: usize,
    x: f64,
    y: f64,
    size: Size,
    /// How much of the colour of heat it has, in percent.
    heat: u64,
    title: String,
    lines: Vec<String>,
    exits: Vec<String>,
    /// What is said of it where one points at it.
    tip: String,
    has_code: bool,
}

struct DrawnWay {
    path: String,
    width: f64,
    class: &'static str,
    title: String,
}

/// Writes the page.
pub fn render(title: &str, it: &Explanation) -> Result<String, askama::Error> {
    let cards = it.regions.iter().enumerate().map(|(i, region)| Card::new(i + 1, region, it)).collect();
    let end = it.seconds.max(it.time_line.width * it.time_line.buckets.len() as f64).max(1e-6);
    let kinds = kinds(it);
    let page = Page {
        title,
        it,
        tiles: tiles(it),
        bands: bands(it, &kinds, end),
        moments: moments(it, &kinds, end),
        marks: marks(it, end),
        ticks: ticks(end),
        cards,
    };
    page.render()
}

fn tiles(it: &Explanation) -> Vec<Tile> {
    let tile = |name, value, note| Tile { name, value, note };
    let native = it.instructions - it.interpreted;
    let time = |is: fn(Doing) -> bool| match it.time_line.share(is) {
        Some(share) => format!("{} of the time", percent(share)),
        None => "too short to see the time".to_owned(),
    };
    let part = |n: u64| percent(n as f64 / it.instructions.max(1) as f64);
    vec![
        tile("instructions", scaled(it.instructions), format!("ended: {}", it.ended)),
        tile(
            "time",
            seconds(it.seconds),
            format!(
                "{} instructions a second",
                scaled((it.instructions as f64 / it.seconds.max(1e-9)) as u64)
            ),
        ),
        tile("native", part(native), time(|doing| matches!(doing, Doing::Native(_)))),
        tile("interpreted", part(it.interpreted), time(|doing| doing == Doing::Interpreting)),
        tile("regions", grouped(it.regions_made as u64), format!("{} of code", bytes(it.code_bytes))),
        tile("compiling", seconds(it.compile_seconds), time(|doing| doing == Doing::Compiling)),
    ]
}

/// What the thread may be seen to do, as far as the time line tells it apart.
struct Kind<'a> {
    class: String,
    name: String,
    region: Option<usize>,
    is: Box<dyn Fn(Doing) -> bool + 'a>,
}

/// The kinds, from the bottom: interpreter, compiler, regions.
fn kinds(it: &Explanation) -> Vec<Kind<'_>> {
    let own: Vec<&HotRegion> =
        it.regions.iter().filter(|r| r.time_share.is_some_and(|s| s > 0.0)).take(COLOURS).collect();
    let is = |region: &HotRegion, doing| matches!(doing, Doing::Native(n) if region.versions.contains(&n));
    let kind = |class: &str, name: &str, region, is| Kind {
        class: class.to_owned(),
        name: name.to_owned(),
        region,
        is,
    };
    let mut kinds = vec![
        kind("interpreting", "interpreter and host", None, Box::new(|doing| doing == Doing::Interpreting)),
        kind("compiling", "compiling", None, Box::new(|doing| doing == Doing::Compiling)),
    ];
    for (i, &region) in own.iter().enumerate() {
        let is = Box::new(move |doing| is(region, doing));
        kinds.push(kind(&format!("region{i}"), &region.place, Some(region.number), is));
    }
    let other = move |doing| matches!(doing, Doing::Native(_)) && !own.iter().any(|region| is(region, doing));
    kinds.push(kind("others", "other regions", None, Box::new(other)));
    kinds
}

/// The areas of the time line.
fn bands(it: &Explanation, kinds: &[Kind], end: f64) -> Vec<Band> {
    let line = &it.time_line;
    let mut below = vec![0.0; line.buckets.len()];
    let mut bands = Vec::new();
    for kind in kinds {
        let Some(share) = line.share(&kind.is).filter(|&share| share > 0.0) else { continue };
        let above: Vec<f64> =
            below.iter().zip(parts(line, &kind.is)).map(|(below, part)| below + part).collect();
        bands.push(Band {
            class: kind.class.clone(),
            name: kind.name.clone(),
            share: percent(share),
            path: area(&below, &above, line.width / end * WIDTH),
            region: kind.region,
        });
        below = above;
    }
    bands
}

/// What was seen in each stretch of time, most first.
fn moments(it: &Explanation, kinds: &[Kind], end: f64) -> Vec<Moment> {
    let line = &it.time_line;
    let step = line.width / end * WIDTH;
    let first = line.buckets.iter().position(|bucket| !bucket.is_empty()).unwrap_or(usize::MAX);
    let moment = |(i, bucket): (usize, &Vec<(Doing, u32)>)| {
        let (from, to) = (i as f64 * line.width, (i + 1) as f64 * line.width);
        let mut title = format!("{} to {}", seconds(from), seconds(to));
        let all: u32 = bucket.iter().map(|seen| seen.1).sum();
        let of = |kind: &Kind| bucket.iter().filter(|seen| (kind.is)(seen.0)).map(|seen| seen.1).sum::<u32>();
        let mut seen: Vec<(u32, &Kind)> = kinds.iter().map(|kind| (of(kind), kind)).collect();
        seen.sort_by_key(|seen| Reverse(seen.0));
        for (times, kind) in seen.into_iter().filter(|seen| seen.0 > 0) {
            title += &format!("\n{} {}", percent(f64::from(times) / f64::from(all)), kind.name);
        }
        if all == 0 {
            title += if i < first { "\nnot seen" } else { "\nnot seen, drawn like the time before" };
        }
        Moment { x: i as f64 * step, width: step, title }
    };
    line.buckets.iter().enumerate().map(moment).collect()
}

/// For each bucket, the part of what was seen; where nobody looked, the one before.
fn parts(line: &TimeLine, is: &dyn Fn(Doing) -> bool) -> Vec<f64> {
    let mut last = 0.0;
    let part = |bucket: &Vec<(Doing, u32)>| {
        let all: u32 = bucket.iter().map(|seen| seen.1).sum();
        if all > 0 {
            let of: u32 = bucket.iter().filter(|seen| is(seen.0)).map(|seen| seen.1).sum();
            last = f64::from(of) / f64::from(all);
        }
        last
    };
    line.buckets.iter().map(part).collect()
}

/// The area between two lines, in steps.
fn area(below: &[f64], above: &[f64], step: f64) -> String {
    let mut path = String::new();
    let mut point = |x: f64, part: f64| {
        let command = if path.is_empty() { 'M' } else { 'L' };
        path += &format!("{command}{x:.2} {:.2}", HEIGHT * (1.0 - part));
    };
    for (i, &part) in above.iter().enumerate() {
        point(i as f64 * step, part);
        point((i + 1) as f64 * step, part);
    }
    for (i, &part) in below.iter().enumerate().rev() {
        point((i + 1) as f64 * step, part);
        point(i as f64 * step, part);
    }
    path + "Z"
}

/// The marks; what would cover one of the same kind is told by that one.
fn marks(it: &Explanation, end: f64) -> Vec<Mark> {
    let mut marks: Vec<Mark> = Vec::new();
    for class in ["made", "gone"] {
        let of = it.events.iter().filter(|happening| is_made(happening) == (class == "made"));
        let mut told = 0;
        for happening in of {
            // The first and the last are drawn whole.
            let x = (happening.event.seconds / end * WIDTH).clamp(MARK / 2.0, WIDTH - MARK / 2.0);
            let text =
                format!("{}: {} {}", seconds(happening.event.seconds), happening.place, happening.text);
            match marks.last_mut().filter(|mark| mark.class == class && x - mark.x < MARK) {
                Some(mark) => {
                    told += 1;
                    match told.cmp(&TOLD) {
                        Ordering::Less => mark.title += &format!("\n{text}"),
                        Ordering::Equal => mark.title += "\n…",
                        Ordering::Greater => (),
                    }
                }
                None => {
                    told = 1;
                    marks.push(Mark { x, class, title: text });
                }
            }
        }
    }
    marks
}

/// Labels at round times, some five of them.
fn ticks(end: f64) -> Vec<Tick> {
    let rough = end / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let step =
        [1.0, 2.0, 5.0, 10.0].map(|n| n * power).into_iter().find(|&step| step >= rough).unwrap_or(end);
    let tick = |i: u32| {
        let x = f64::from(i) * step / end * WIDTH;
        let is_left = x > WIDTH - LABEL;
        Tick {
            x,
            label: seconds(f64::from(i) * step),
            label_x: if is_left { x - 4.0 } else { x + 4.0 },
            is_left,
        }
    };
    (0..).map(tick).take_while(|tick| tick.x <= WIDTH).collect()
}

impl<'a> Card<'a> {
    fn new(rank: usize, region: &'a HotRegion, it: &'a Explanation) -> Card<'a> {
        let history = it.events.iter().filter(|happening| happening.event.pc == region.pc);
        Card {
            rank,
            region,
            history: history.map(|happening| (happening.event.seconds, happening.text.as_str())).collect(),
            drawing: (!region.blocks.is_empty()).then(|| draw(region)),
            most: region
                .blocks
                .iter()
                .flat_map(|b| &b.instructions)
                .map(|i| i.executed)
                .max()
                .unwrap_or(0)
                .max(1),
            hidden_blocks: region.blocks.iter().filter(|block| !block.has_code).count(),
        }
    }
}

/// Draws a region's hottest blocks and the ways between them.
fn draw(region: &HotRegion) -> Drawing {
    let mut numbers: Vec<usize> = (0..region.blocks.len()).collect();
    numbers.sort_by_key(|&b| (b != 0, Reverse(region.blocks[b].executed), b));
    numbers.truncate(DRAWN);
    numbers.sort_unstable();
    let most = region.blocks.iter().map(|block| block.executed).max().unwrap_or(0).max(1);
    let is_written = numbers.len() <= WRITTEN;
    let mut boxes: Vec<DrawnBlock> =
        numbers.iter().map(|&b| drawn(b, &region.blocks[b], most, is_written)).collect();
    let mut edges: Vec<(usize, usize, &Edge)> = Vec::new();
    for (from, &b) in numbers.iter().enumerate() {
        for edge in &region.blocks[b].edges {
            if let Some(to) = edge.to.and_then(|to| numbers.binary_search(&to).ok()) {
                edges.push((from, to, edge));
            }
        }
    }
    let sizes: Vec<Size> = boxes.iter().map(|drawn| drawn.size).collect();
    let ways: Vec<(usize, usize)> = edges.iter().map(|&(from, to, _)| (from, to)).collect();
    let layout = graph::lay_out(&sizes, &ways);
    for (drawn, (x, y)) in boxes.iter_mut().zip(layout.boxes) {
        (drawn.x, drawn.y) = (x, y);
    }
    let most = edges.iter().map(|edge| edge.2.went).max().unwrap_or(0).max(1);
    let way = |(&(from, to, edge), path): (&(usize, usize, &Edge), String)| DrawnWay {
        path,
        width: 1.0 + 5.0 * (edge.went as f64 / most as f64).sqrt(),
        class: if edge.went == 0 {
            "never"
        } else if to <= from {
            "back"
        } else {
            "on"
        },
        title: format!(
            "block {} to block {}{}: {}",
            numbers[from],
            numbers[to],
            match edge.way {
                Way::Next => "",
                Way::Taken => " if taken",
                Way::Indirect => " indirectly",
            },
            times(edge.went)
        ),
    };
    Drawing {
        size: layout.size,
        ways: edges.iter().zip(layout.ways).map(way).collect(),
        left_out: region.blocks.len() - boxes.len(),
        boxes,
    }
}

/// A block's box, nowhere yet.
fn drawn(number: usize, block: &Block, most: u64, is_written: bool) -> DrawnBlock {
    let first = &block.instructions[0];
    let count = block.instructions.len();
    let mut lines: Vec<String> = Vec::new();
    if is_written {
        lines.extend(block.instructions.iter().take(LINES).map(|i| i.text.clone()));
        if count > LINES {
            lines.push(format!("… {} more", count - LINES));
        }
    } else {
        lines.push(format!("{count} instruction{}", if count == 1 { "" } else { "s" }));
    }
    let exit = |exit: &kiln::explain::Exit| format!("⇥ {} {}", exit.reason, scaled(exit.count));
    let exits: Vec<String> = block.exits.iter().map(exit).collect();
    let title = format!("{number} · {}", first.place);
    let longest =
        lines.iter().chain(&exits).chain([&title]).map(|line| line.chars().count()).max().unwrap_or(0);
    let tip = format!("block {number}, executed: {}", times(block.executed));
    let rows = 1 + lines.len() + exits.len();
    DrawnBlock {
        number,
        x: 0.0,
        y: 0.0,
        size: Size { width: longest as f64 * 6.7 + 20.0, height: rows as f64 * 15.0 + 12.0 },
        heat: 45 * block.executed / most,
        title,
        lines,
        exits,
        tip,
        has_code: block.has_code,
    }
}

/// A number with its thousands apart. The template hands references to these.
fn grouped(n: impl Borrow<u64>) -> String {
    kiln::explain::grouped(*n.borrow())
}

fn percent(part: impl Borrow<f64>) -> String {
    kiln::explain::percent(*part.borrow())
}

/// How often something was done, as far as samples tell.
fn times(n: u64) -> String {
    match n {
        0 => "not seen".to_owned(),
        1 => "about once".to_owned(),
        n => format!("about {} times", grouped(n)),
    }
}

/// A large number, rounded: `203.8 M`.
fn scaled(n: impl Borrow<u64>) -> String {
    let n = *n.borrow();
    match n {
        0..10_000 => grouped(n),
        10_000..1_000_000 => format!("{:.1} k", n as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} M", n as f64 / 1e6),
        _ => format!("{:.2} G", n as f64 / 1e9),
    }
}

/// A time: `3.2 ms`.
fn seconds(seconds: impl Borrow<f64>) -> String {
    match *seconds.borrow() {
        s if s <= 0.0 => "0".to_owned(),
        s if s < 1e-3 => format!("{:.0} µs", s * 1e6),
        s if s < 0.1 => format!("{:.1} ms", s * 1e3),
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}

fn bytes(n: u64) -> String {
    if n < 10_000 { format!("{} bytes", grouped(n)) } else { format!("{:.1} KiB", n as f64 / 1024.0) }
}

/// Instructions that a region retires in a run.
fn a_run(region: &HotRegion) -> String {
    scaled((region.retired as f64 / region.runs.max(1) as f64).round() as u64)
}

fn part(n: &u64, of: &u64) -> f64 {
    *n as f64 / *of as f64
}

fn is_made(happening: &Happening) -> bool {
    matches!(happening.event.what, What::Installed(_))
}

/// `→ block 3 if taken`.
fn arrow(edge: &Edge) -> String {
    let to = match edge.to {
        Some(block) => format!("block {block}"),
        None => format!("{} outside", edge.place),
    };
    let way = match edge.way {
        Way::Next => "",
        Way::Taken => " if taken",
        Way::Indirect => " indirectly",
    };
    format!("→ {to}{way}")
}

/// The block that a way leads to, if its code is listed.
fn listed(region: &HotRegion, edge: &Edge) -> Option<usize> {
    edge.to.filter(|&to| region.blocks[to].has_code)
}

/// What a reason for an exit means.
fn meaning(reason: &str) -> &'static str {
    match reason {
        "budget" => "the budget might not last",
        "trap" => "the host serves the instruction",
        "illegal" => "there is no such instruction",
        "load" => "a load from a device, or a protected or watched word",
        "store" => "a store to such a word, or to code",
        "gate" => "before a loop: what it accesses is not known to be plain",
        "bounds" => "an address outside its space",
        "required" => "the instruction required what did not hold",
        "leave" => "control went on outside",
        "indirect" => "an indirect jump went outside",
        "return" => "a return went outside",
        "unpaired" => "a return went elsewhere than its call",
        _ => "",
    }
}
