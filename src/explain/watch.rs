//! What a machine's thread spends its time on: another thread looks every so often.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::record::{Activity, Doing};

/// Time between looks.
const PERIOD: Duration = Duration::from_micros(100);
/// What a bucket spans at first.
const WIDTH: Duration = Duration::from_millis(1);
/// Buckets at most; past this two become one.
const BUCKETS: usize = 400;

/// What was seen over time.
#[derive(Clone, Debug, Serialize)]
pub struct TimeLine {
    /// Seconds that a bucket spans.
    pub width: f64,
    /// For each stretch of time, what was seen, and how often.
    pub buckets: Vec<Vec<(Doing, u32)>>,
}

impl Default for TimeLine {
    fn default() -> TimeLine {
        TimeLine { width: WIDTH.as_secs_f64(), buckets: Vec::new() }
    }
}

impl TimeLine {
    /// Adds what was seen after so many seconds.
    pub fn add(&mut self, seconds: f64, doing: Doing) {
        while seconds >= self.width * BUCKETS as f64 {
            self.halve();
        }
        let at = (seconds / self.width) as usize;
        if at >= self.buckets.len() {
            self.buckets.resize(at + 1, Vec::new());
        }
        count(&mut self.buckets[at], doing, 1);
    }

    fn halve(&mut self) {
        self.width *= 2.0;
        let mut pairs = std::mem::take(&mut self.buckets).into_iter();
        while let Some(mut bucket) = pairs.next() {
            for (doing, times) in pairs.next().unwrap_or_default() {
                count(&mut bucket, doing, times);
            }
            self.buckets.push(bucket);
        }
    }

    /// How often somebody looked.
    pub fn looks(&self) -> u64 {
        self.buckets.iter().flatten().map(|seen| u64::from(seen.1)).sum()
    }

    /// The part of the time that the machine was doing what `is` says; `None` where nobody looked.
    pub fn share(&self, is: impl Fn(Doing) -> bool) -> Option<f64> {
        let seen = self.buckets.iter().flatten().filter(|seen| is(seen.0)).map(|seen| u64::from(seen.1));
        let looks = self.looks();
        (looks > 0).then(|| seen.sum::<u64>() as f64 / looks as f64)
    }
}

fn count(bucket: &mut Vec<(Doing, u32)>, doing: Doing, times: u32) {
    match bucket.iter_mut().find(|seen| seen.0 == doing) {
        Some(seen) => seen.1 += times,
        None => bucket.push((doing, times)),
    }
}

/// A thread that looks at what a machine does.
pub struct Watch {
    stop: Sender<()>,
    thread: JoinHandle<TimeLine>,
}

impl Watch {
    /// Starts to look. Time is counted from `start` on.
    ///
    /// # Errors
    /// The host has no thread to spare.
    pub fn start(activity: Activity, start: Instant) -> std::io::Result<Watch> {
        let (stop, stopped) = channel();
        let (ready, is_ready) = channel();
        let thread = std::thread::Builder::new().name("kiln-watch".to_owned()).spawn(move || {
            // Nobody is kept from starting if the other end is gone.
            let _ = ready.send(());
            let mut line = TimeLine::default();
            while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                line.add(start.elapsed().as_secs_f64(), activity.now());
            }
            line
        })?;
        // A short run would be over before the host gets round to the thread.
        let _ = is_ready.recv();
        Ok(Watch { stop, thread })
    }

    /// Stops looking: what was seen.
    pub fn finish(self) -> TimeLine {
        drop(self.stop);
        self.thread.join().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_widen() {
        let mut line = TimeLine::default();
        for i in 0..10_000 {
            line.add(f64::from(i) / 1000.0, if i < 2500 { Doing::Interpreting } else { Doing::Native(0) });
        }
        assert!(line.buckets.len() <= BUCKETS);
        assert!((line.width * line.buckets.len() as f64 - 10.0).abs() < 2.0 * line.width);
        assert_eq!(line.looks(), 10_000);
        assert_eq!(line.share(|doing| doing == Doing::Interpreting), Some(0.25));
        assert_eq!(TimeLine::default().share(|_| true), None);
    }
}
