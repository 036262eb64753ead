//! Control flow as a drawing: blocks in layers, ways between them as curves.
//!
//! Ways forward go down, from layer to layer; a way that closes a cycle goes back up on the right. Sugiyama, Tagawa and
//! Toda, *Methods for Visual Understanding of Hierarchical System Structures*, in its plainest form.

use std::fmt::Write;

/// Space between boxes of a layer, between layers, and between ways that go back up.
const GAP: f64 = 26.0;
const LAYER_GAP: f64 = 46.0;
const LANE: f64 = 12.0;
/// Space around everything.
const MARGIN: f64 = 14.0;
/// The width that a way takes where it passes through a layer.
const PASSING: f64 = 10.0;
/// Times that layers are put in order, and that they are moved.
const SWEEPS: usize = 12;

/// A box's size.
#[derive(Clone, Copy)]
pub struct Size {
    pub width: f64,
    pub height: f64,
}

/// Where everything is.
pub struct Layout {
    /// The drawing's size.
    pub size: Size,
    /// The boxes' left upper corners.
    pub boxes: Vec<(f64, f64)>,
    /// For each way, its curve as SVG's `path` has it.
    pub ways: Vec<String>,
}

/// A box, or the place where a way passes through a layer.
struct Vertex {
    size: Size,
    layer: usize,
    /// The left edge.
    x: f64,
    up: Vec<usize>,
    down: Vec<usize>,
}

impl Vertex {
    fn middle(&self) -> f64 {
        self.x + self.size.width / 2.0
    }
}

struct Drawing {
    vertices: Vec<Vertex>,
    /// The vertices of each layer, from left to right.
    layers: Vec<Vec<usize>>,
}

/// Lays boxes out. `ways` lead from box to box; those that lead to a box with a higher number have no cycle.
pub fn lay_out(boxes: &[Size], ways: &[(usize, usize)]) -> Layout {
    let mut layer = vec![0; boxes.len()];
    let mut forward: Vec<(usize, usize)> = ways.iter().copied().filter(|&(from, to)| to > from).collect();
    forward.sort_unstable();
    for &(from, to) in &forward {
        layer[to] = layer[to].max(layer[from] + 1);
    }
    let vertex = |(&size, &layer)| Vertex { size, layer, x: 0.0, up: Vec::new(), down: Vec::new() };
    let mut drawing =
        Drawing { vertices: boxes.iter().zip(&layer).map(vertex).collect(), layers: Vec::new() };
    let chains: Vec<Vec<usize>> = ways.iter().map(|&(from, to)| drawing.chain(from, to)).collect();
    drawing.layers = vec![Vec::new(); layer.iter().max().map_or(0, |last| last + 1)];
    for (i, vertex) in drawing.vertices.iter().enumerate() {
        drawing.layers[vertex.layer].push(i);
    }
    drawing.order();
    drawing.place();
    drawing.draw(boxes.len(), ways, &chains)
}

impl Drawing {
    /// The vertices that a way goes through, from box to box; none for one that goes back.
    fn chain(&mut self, from: usize, to: usize) -> Vec<usize> {
        if to <= from {
            return Vec::new();
        }
        let mut chain = vec![from];
        for layer in self.vertices[from].layer + 1..self.vertices[to].layer {
            let size = Size { width: PASSING, height: 0.0 };
            self.vertices.push(Vertex { size, layer, x: 0.0, up: Vec::new(), down: Vec::new() });
            chain.push(self.vertices.len() - 1);
        }
        chain.push(to);
        for pair in chain.windows(2) {
            self.vertices[pair[0]].down.push(pair[1]);
            self.vertices[pair[1]].up.push(pair[0]);
        }
        chain
    }

    /// Orders each layer by where the neighbours are, so that few ways cross.
    fn order(&mut self) {
        let mut position = vec![0.0; self.vertices.len()];
        for sweep in 0..SWEEPS {
            let count = self.layers.len();
            for step in 0..count {
                let layer = if sweep % 2 == 0 { step } else { count - 1 - step };
                let mean = |v: usize| {
                    let vertex = &self.vertices[v];
                    let near = if sweep % 2 == 0 { &vertex.up } else { &vertex.down };
                    let sum: f64 = near.iter().map(|&n| position[n]).sum();
                    if near.is_empty() { position[v] } else { sum / near.len() as f64 }
                };
                let mut order: Vec<(f64, usize)> = self.layers[layer].iter().map(|&v| (mean(v), v)).collect();
                order.sort_by(|a, b| a.0.total_cmp(&b.0));
                self.layers[layer] = order.iter().map(|&(_, v)| v).collect();
                // From 0 to 1, so that layers of different lengths compare.
                let len = order.len() as f64;
                for (i, &(_, v)) in order.iter().enumerate() {
                    position[v] = (i as f64 + 0.5) / len;
                }
            }
        }
    }

    /// Moves boxes to the middle of their neighbours, as far as the others of the layer let them.
    fn place(&mut self) {
        for sweep in 0..SWEEPS {
            let count = self.layers.len();
            for step in 0..count {
                let layer = if sweep % 2 == 0 { step } else { count - 1 - step };
                let wanted = |&v: &usize| {
                    let vertex = &self.vertices[v];
                    let near = if sweep % 2 == 0 { &vertex.up } else { &vertex.down };
                    let sum: f64 = near.iter().map(|&n| self.vertices[n].middle()).sum();
                    let middle = if near.is_empty() { vertex.middle() } else { sum / near.len() as f64 };
                    middle - vertex.size.width / 2.0
                };
                let wanted: Vec<f64> = self.layers[layer].iter().map(wanted).collect();
                let widths: Vec<f64> =
                    self.layers[layer].iter().map(|&v| self.vertices[v].size.width).collect();
                for (&v, x) in self.layers[layer].iter().zip(apart(&wanted, &widths)) {
                    self.vertices[v].x = x;
                }
            }
        }
        let left = self.vertices.iter().map(|vertex| vertex.x).fold(f64::INFINITY, f64::min);
        self.vertices.iter_mut().for_each(|vertex| vertex.x += MARGIN - left);
    }

    fn draw(&self, boxes: usize, ways: &[(usize, usize)], chains: &[Vec<usize>]) -> Layout {
        let height =
            |layer: &Vec<usize>| layer.iter().map(|&v| self.vertices[v].size.height).fold(0.0, f64::max);
        let mut y = MARGIN + LAYER_GAP / 2.0;
        let mut tops = Vec::new();
        for layer in &self.layers {
            tops.push((y, y + height(layer)));
            y += height(layer) + LAYER_GAP;
        }
        let right = |layer: usize| {
            let ends = self.layers[layer].iter().map(|&v| self.vertices[v].x + self.vertices[v].size.width);
            ends.fold(0.0, f64::max)
        };
        let mut width = (0..self.layers.len()).map(right).fold(0.0, f64::max);
        let corner = |v: usize| (self.vertices[v].x, tops[self.vertices[v].layer].0);
        let mut lanes: Vec<(usize, usize, f64)> = Vec::new();
        let mut curves = vec![String::new(); ways.len()];
        // Short ways back are inside of long ones.
        let mut order: Vec<usize> = (0..ways.len()).collect();
        order.sort_by_key(|&w| self.vertices[ways[w].0].layer.abs_diff(self.vertices[ways[w].1].layer));
        for w in order {
            let (from, to) = ways[w];
            if to > from {
                curves[w] = self.curve(&chains[w], &tops);
                continue;
            }
            let (first, last) = (self.vertices[to].layer, self.vertices[from].layer);
            let mut lane = (first..=last).map(right).fold(0.0, f64::max) + LANE;
            while lanes.iter().any(|&(f, l, x)| f <= last && first <= l && (x - lane).abs() < LANE) {
                lane += LANE;
            }
            lanes.push((first, last, lane));
            width = width.max(lane);
            let bottom = corner(from).1 + self.vertices[from].size.height;
            // Down to where no box of the layer is in the way.
            let free = tops[last].1;
            let (top, bend) = (corner(to).1, LAYER_GAP * 0.45);
            let (out, back) = (free + bend, top - bend);
            // At the right of the middle, where other ways are.
            let [start, end] =
                [from, to].map(|v| self.vertices[v].middle() + self.vertices[v].size.width / 4.0);
            curves[w] = format!(
                "M{start:.1} {bottom:.1}L{start:.1} {free:.1}C{start:.1} {out:.1} {lane:.1} {out:.1} {lane:.1} {free:.1}\
                 L{lane:.1} {top:.1}C{lane:.1} {back:.1} {end:.1} {back:.1} {end:.1} {top:.1}"
            );
        }
        Layout {
            size: Size { width: width + MARGIN, height: y - LAYER_GAP / 2.0 + MARGIN },
            boxes: (0..boxes).map(corner).collect(),
            ways: curves,
        }
    }

    /// Where at a box's lower edge the way down to `next` starts: apart from others, in their order.
    fn port(&self, from: usize, next: usize) -> f64 {
        let Vertex { ref down, size, .. } = self.vertices[from];
        let before =
            down.iter().filter(|&&v| self.vertices[v].middle() < self.vertices[next].middle()).count();
        let part = if down.len() > 1 { before as f64 / (down.len() - 1) as f64 - 0.5 } else { 0.0 };
        self.vertices[from].middle() + part * size.width * 0.4
    }

    /// A way down through the layers.
    fn curve(&self, chain: &[usize], tops: &[(f64, f64)]) -> String {
        let first = &self.vertices[chain[0]];
        let mut x = self.port(chain[0], chain[1]);
        let mut path = format!("M{x:.1} {:.1}", tops[first.layer].0 + first.size.height);
        for &v in &chain[1..] {
            let vertex = &self.vertices[v];
            let (above, top) = (tops[vertex.layer - 1].1, tops[vertex.layer].0);
            let half = (above + top) / 2.0;
            let middle = vertex.middle();
            let _ = write!(
                path,
                "L{x:.1} {above:.1}C{x:.1} {half:.1} {middle:.1} {half:.1} {middle:.1} {top:.1}"
            );
            x = middle;
        }
        path
    }
}

/// The places nearest to those wanted, in this order and with space between: what is too near moves together.
fn apart(wanted: &[f64], widths: &[f64]) -> Vec<f64> {
    // Without the widths and gaps before them, places need only be in order.
    let mut before = 0.0;
    let mut offsets = Vec::new();
    for width in widths {
        offsets.push(before);
        before += width + if *width > PASSING { GAP } else { GAP / 2.0 };
    }
    // Groups that have one place: its sum and how many they are.
    let mut groups: Vec<(f64, f64)> = Vec::new();
    for (wanted, offset) in wanted.iter().zip(&offsets) {
        groups.push((wanted - offset, 1.0));
        while let [.., (a, n), (b, m)] = groups[..] {
            if a / n <= b / m {
                break;
            }
            groups.pop();
            *groups.last_mut().expect("two were there") = (a + b, n + m);
        }
    }
    let places = groups.iter().flat_map(|&(sum, n)| std::iter::repeat_n(sum / n, n as usize));
    places.zip(offsets).map(|(place, offset)| place + offset).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOX: Size = Size { width: 100.0, height: 40.0 };

    #[test]
    fn places_keep_their_order_and_distance() {
        let places = apart(&[0.0, 0.0, 500.0], &[100.0, 100.0, 100.0]);
        assert_eq!(places, [-63.0, 63.0, 500.0]);
    }

    #[test]
    fn boxes_do_not_overlap() {
        // A diamond, a loop around it, a way past it, and a loop of one box.
        let ways = [(0, 1), (0, 2), (1, 3), (2, 3), (3, 0), (0, 4), (3, 4), (4, 4)];
        let layout = lay_out(&[BOX; 5], &ways);
        for (i, a) in layout.boxes.iter().enumerate() {
            for b in &layout.boxes[i + 1..] {
                let apart = (a.0 - b.0).abs() >= BOX.width || (a.1 - b.1).abs() >= BOX.height;
                assert!(apart, "{a:?} {b:?}");
            }
            assert!(a.0 >= 0.0 && a.0 + BOX.width <= layout.size.width);
            assert!(a.1 >= 0.0 && a.1 + BOX.height <= layout.size.height);
        }
        assert!(layout.boxes[0].1 < layout.boxes[1].1 && layout.boxes[1].1 < layout.boxes[3].1);
        assert!(layout.ways.iter().all(|way| way.starts_with('M')));
    }

    #[test]
    fn a_way_back_goes_around_a_higher_box_beside_it() {
        let high = Size { width: 100.0, height: 90.0 };
        for sizes in [[BOX, BOX, high], [BOX, high, BOX]] {
            let layout = lay_out(&sizes, &[(0, 1), (0, 2), (1, 0), (2, 0)]);
            let bottom = layout.boxes[1].1 + high.height;
            for way in &layout.ways[2..] {
                let bend = way.split(['L', 'C']).nth(1).and_then(|point| point.split_once(' ')).unwrap();
                assert!(bend.1.parse::<f64>().unwrap() >= bottom, "{way} bends above {bottom}");
            }
        }
    }

    #[test]
    fn nothing_and_one() {
        assert!(lay_out(&[], &[]).boxes.is_empty());
        assert_eq!(lay_out(&[BOX], &[(0, 0)]).boxes.len(), 1);
    }
}
