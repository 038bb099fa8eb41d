//! Two days of counters for an example release, as a Prometheus would have scraped them.

use std::f64::consts::TAU;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Result;
use serin_tests::backfill;

use super::audience::{COHORTS, Cohort, Group};
use super::draws::Draws;
use super::examples::{Example, HARM, REQUESTS_PER_SECOND, USERS};

/// The first scrape, in seconds since 1970. A block of 54 h begins here, so that Prometheus' tool
/// goes over the text once.
const FIRST: u64 = 1_704_110_400;
/// The same, for people.
pub(crate) const START: &str = "2024-01-01T12:00:00Z";
/// The last scrape.
pub(crate) const END: &str = "2024-01-03T12:00:00Z";
/// Between two scrapes, in seconds.
const SCRAPE: u32 = 120;
/// The scrapes of 48 h after the first one.
const SCRAPES: u32 = 48 * 3_600 / SCRAPE;
/// How far the traffic of an hour lies from the day's mean at most.
const DAY_AND_NIGHT: f64 = 0.3;
/// One course of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Whether the new version does harm.
    pub(crate) harmful: bool,
    /// Which one of its kind.
    pub(crate) seed: u64,
}

impl Run {
    /// The label by which its series are told from others'.
    pub(crate) fn label(self) -> String {
        let kind = if self.harmful { "harmful" } else { "healthy" };
        format!("{kind}-{:02}", self.seed)
    }
}

/// What the series of one counter gained from scrape to scrape.
#[derive(Debug)]
struct Gains {
    labels: String,
    each: Vec<u64>,
}

/// All of them, for each counter of a release.
#[derive(Debug)]
pub(crate) struct History {
    example: &'static Example,
    counters: Vec<Vec<Gains>>,
}

impl History {
    /// Draws these runs of a release.
    pub(crate) fn draw(example: &'static Example, runs: &[Run]) -> Self {
        let mut history = Self { example, counters: Vec::new() };
        history.counters.resize_with(example.counters.len(), Vec::new);
        for run in runs {
            history.add(*run);
        }
        history
    }

    fn add(&mut self, run: Run) {
        // Another release, variant or seed draws other users.
        let kind = 2 * self.counters.len() as u64 + u64::from(run.harmful);
        let mut draws = Draws::new(run.seed + 1_000 * kind);
        let weights: Vec<f64> = self.example.course.iter().map(|(weight, _)| *weight).collect();
        let steps = steps(self.example);
        for number in 0..COHORTS {
            let cohort = Cohort::draw(USERS, &weights, &mut draws);
            let sides: Vec<(Group, Group)> = steps.iter().map(|step| cohort.sides(*step)).collect();
            let canary = sides.iter().map(|(canary, _)| canary);
            let harm = if run.harmful { HARM } else { 1.0 };
            self.add_side(canary, harm, &labels(run, "canary", number), &mut draws);
            let stable = sides.iter().map(|(_, stable)| stable);
            self.add_side(stable, 1.0, &labels(run, "stable", number), &mut draws);
        }
    }

    /// Draws what one side of a cohort does from scrape to scrape.
    fn add_side<'a>(
        &mut self,
        groups: impl Iterator<Item = &'a Group>,
        harm: f64,
        labels: &str,
        draws: &mut Draws,
    ) {
        let counters = self.example.counters;
        let mut gains = vec![Vec::with_capacity(SCRAPES as usize); counters.len()];
        for (scrape, group) in (0..SCRAPES).zip(groups) {
            let mut counts: Vec<u64> = Vec::with_capacity(counters.len());
            for (counter, gains) in counters.iter().zip(&mut gains) {
                let count = match counter.part {
                    None => draws.poisson(requests(scrape) * group.requests),
                    Some(part) => {
                        let of = counts.get(part.of).copied().unwrap_or_default();
                        let own = part.event.map_or(1.0, |event| group.propensity(event));
                        let left = if part.harmed { harm } else { 1.0 };
                        draws.binomial(of, part.share * own * left)
                    }
                };
                counts.push(count);
                gains.push(count);
            }
        }
        for (counter, each) in self.counters.iter_mut().zip(gains) {
            counter.push(Gains { labels: labels.to_owned(), each });
        }
    }

    fn write(&self, out: &mut impl Write) -> Result<()> {
        let times: Vec<String> = (0..=SCRAPES)
            .map(|scrape| format!(" {}\n", FIRST + u64::from(scrape * SCRAPE)))
            .collect();
        for (counter, series) in self.example.counters.iter().zip(&self.counters) {
            writeln!(out, "# TYPE {} counter", counter.metric)?;
            for Gains { labels, each } in series {
                let name = format!("{}_total{labels} ", counter.metric);
                let mut total = 0_u64;
                // The first scrape finds counters at zero.
                for (gain, time) in std::iter::once(&0).chain(each).zip(&times) {
                    total += gain;
                    out.write_all(name.as_bytes())?;
                    write!(out, "{total}")?;
                    out.write_all(time.as_bytes())?;
                }
            }
        }
        Ok(())
    }
}

/// Makes a Prometheus' database of these histories in `data`.
pub(crate) fn store(histories: &[History], scratch: &Path, data: &Path) -> Result<()> {
    let file = scratch.join("history.om");
    let mut out = BufWriter::with_capacity(1 << 20, File::create(&file)?);
    for history in histories {
        history.write(&mut out)?;
    }
    out.write_all(b"# EOF\n")?;
    out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    backfill::backfill(&file, data)?;
    std::fs::remove_file(&file)?;
    Ok(())
}

fn labels(run: Run, variant: &str, cohort: u32) -> String {
    format!("{{run=\"{}\",variant=\"{variant}\",cohort=\"{cohort}\"}}", run.label())
}

/// The step of the course that each interval belongs to, by its index.
fn steps(example: &Example) -> Vec<usize> {
    let mut hours = 0.0;
    let ends: Vec<f64> = example
        .course
        .iter()
        .map(|(_, lasts)| {
            hours += lasts;
            hours
        })
        .collect();
    let last = ends.len().saturating_sub(1);
    let at = |scrape: u32| f64::from(scrape * SCRAPE) / 3_600.0;
    (0..SCRAPES)
        .map(|scrape| ends.iter().position(|end| at(scrape) < *end).unwrap_or(last))
        .collect()
}

/// The requests of all users in the interval of this number.
fn requests(number: u32) -> f64 {
    let day = f64::from(number * SCRAPE) / 86_400.0;
    REQUESTS_PER_SECOND * f64::from(SCRAPE) * (1.0 + DAY_AND_NIGHT * (TAU * day).sin())
}
