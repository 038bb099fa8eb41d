//! The figures, printed and written.

use std::fs;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serin_tests::artifacts;

use crate::footprint::Footprint;
use crate::rounds::Times;
use crate::shape::Shape;
use crate::variants::{FULL, FULL_COUNTED, NONE, PLAIN, PLAIN_COUNTED};

/// All that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    starts: usize,
    /// After each start.
    pub(crate) rounds: usize,
    /// The module's size, in bytes.
    pub(crate) module: u64,
    pub(crate) shapes: Vec<Measured>,
    pub(crate) footprints: Vec<Footprint>,
}

/// One kind of request.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    shape: Shape,
    variants: Vec<Line>,
    /// What counting adds, in microseconds per request.
    evidence_plain: Spread,
    evidence_full: Spread,
    #[serde(skip)]
    times: Times,
}

/// One variant.
#[derive(Debug, Serialize)]
struct Line {
    key: &'static str,
    title: &'static str,
    /// Microseconds of Envoy's time per request.
    time: Spread,
    /// The same above no filter, round by round.
    added: Spread,
    /// The same as a multiple of no filter.
    ratio: Spread,
}

/// The median with the quartiles.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Spread {
    low: f64,
    pub(crate) median: f64,
    high: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |quarter: usize| values.get(values.len() * quarter / 4).copied();
        let at = |quarter| at(quarter).unwrap_or(f64::NAN);
        Self { low: at(1), median: at(2), high: at(3) }
    }

    fn print(self, digits: usize) -> String {
        let Self { low, median, high } = self;
        format!("{median:.digits$} ({low:.digits$} to {high:.digits$})")
    }
}

impl Measured {
    fn new(shape: Shape, times: Times) -> Self {
        let mut measured = Self {
            shape,
            variants: Vec::new(),
            evidence_plain: Spread::of(Vec::new()),
            evidence_full: Spread::of(Vec::new()),
            times,
        };
        measured.evidence_plain =
            measured.paired(PLAIN_COUNTED, PLAIN, |with, without| with - without);
        measured.evidence_full =
            measured.paired(FULL_COUNTED, FULL, |with, without| with - without);
        let lines = measured.times.iter().map(|(key, (title, times))| Line {
            key,
            title,
            time: Spread::of(times.clone()),
            added: measured.paired(key, NONE, |own, none| own - none),
            ratio: measured.paired(key, NONE, |own, none| own / none),
        });
        let mut lines: Vec<Line> = lines.collect();
        lines.sort_by(|one, other| one.added.median.total_cmp(&other.added.median));
        measured.variants = lines;
        measured
    }

    pub(crate) const fn shape(&self) -> Shape {
        self.shape
    }

    /// One variant over another, each round for itself.
    pub(crate) fn ratio(&self, one: &str, other: &str) -> Spread {
        self.paired(one, other, |one, other| one / other)
    }

    /// The lowest and the highest median of a start's rounds, of one variant over another.
    pub(crate) fn ratio_by_start(&self, one: &str, other: &str, rounds: usize) -> (f64, f64) {
        let of = |key| self.times.get(key).map_or(&[][..], |(_, times)| times.as_slice());
        let starts = of(one).chunks(rounds.max(1)).zip(of(other).chunks(rounds.max(1)));
        let medians = starts.map(|(one, other)| {
            Spread::of(one.iter().zip(other).map(|(one, other)| one / other).collect()).median
        });
        medians.fold((f64::INFINITY, 0.0), |(low, high), it| (low.min(it), high.max(it)))
    }

    /// The same of what each adds to no filter.
    pub(crate) fn added_ratio(&self, one: &str, other: &str) -> f64 {
        let added = |key| self.paired(key, NONE, |own, none| own - none).median;
        added(one) / added(other)
    }

    fn paired(&self, one: &str, other: &str, figure: impl Fn(f64, f64) -> f64) -> Spread {
        let of = |key| self.times.get(key).map_or(&[][..], |(_, times)| times.as_slice());
        let pairs = of(one).iter().zip(of(other));
        Spread::of(pairs.map(|(one, other)| figure(*one, *other)).collect())
    }
}

impl Report {
    pub(crate) fn new(starts: usize, rounds: usize) -> Result<Self> {
        let module = fs::metadata(artifacts::module()?)?.len();
        Ok(Self { starts, rounds, module, shapes: Vec::new(), footprints: Vec::new() })
    }

    pub(crate) fn take(&mut self, shape: Shape, times: Times) {
        self.shapes.push(Measured::new(shape, times));
    }

    pub(crate) fn print(&self) {
        println!(
            "Envoy's processor time per request with one worker: the median of {} rounds after each of {} \
             starts, the middle half of all in brackets",
            self.rounds, self.starts
        );
        for measured in &self.shapes {
            println!("\n{}", measured.shape.name());
            println!("{:<42} {:>24} {:>24} {:>24}", "", "us", "us added", "times no filter");
            for Line { title, time, added, ratio, .. } in &measured.variants {
                let (time, added, ratio) = (time.print(1), added.print(1), ratio.print(2));
                println!("{title:<42} {time:>24} {added:>24} {ratio:>24}");
            }
            let (plain, full) = (measured.evidence_plain.print(1), measured.evidence_full.print(1));
            println!("evidence adds {plain} us to the plainest, {full} us to the job in full");
        }
        println!("\nmodule: {:.1} kB", kilobytes(self.module));
        for Footprint { workers, without, with } in &self.footprints {
            println!(
                "{workers} workers: {:.0} MB, {:.0} MB without the filter; ready in {:.2} s, {:.2} s without",
                kilobytes(with.memory) / 1e3,
                kilobytes(without.memory) / 1e3,
                with.start,
                without.start
            );
        }
    }

    pub(crate) fn write(&self) -> Result<()> {
        let folder = artifacts::root()?.join("target/bench");
        fs::create_dir_all(&folder)?;
        let file = folder.join("filter.json");
        fs::write(&file, serde_json::to_vec_pretty(self)?)
            .with_context(|| format!("writing {}", file.display()))
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52 bytes")]
pub(crate) fn kilobytes(bytes: u64) -> f64 {
    bytes as f64 / 1e3
}
