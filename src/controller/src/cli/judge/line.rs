//! What a line on standard input says.

use anyhow::{Context as _, Result, anyhow, ensure};
use serde::Deserialize;
use serin_judge::{Counts, Interval};

/// A line as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    gate: String,
    nc: Option<f64>,
    xc: Option<f64>,
    ns: Option<f64>,
    xs: Option<f64>,
    cohorts: Option<Vec<[f64; 4]>>,
    /// Whether it counts as an empty one, as at the start of a rollout.
    #[serde(default)]
    skipped: bool,
    /// For people.
    #[serde(rename = "at")]
    _at: Option<String>,
}

/// What the first line has fixed.
#[derive(Debug, Default)]
pub(super) struct Stream {
    fixed: Option<Fixed>,
}

#[derive(Debug)]
struct Fixed {
    gate: String,
    cohorts: usize,
}

/// More cohorts than anybody hashes users into; with pairs left out the work grows by the square.
const MOST_COHORTS: usize = 64;

impl Stream {
    /// The interval of the next line; its text is without the line's end.
    ///
    /// # Errors
    /// What does not fit, and the rule. The line then counts for nothing.
    pub(super) fn interval(&mut self, text: &[u8]) -> Result<Interval> {
        let line: Line = serde_json::from_slice(text).map_err(|error| placed(&error))?;
        let mut interval = line.interval()?;
        if line.skipped {
            interval.cohorts.fill(Counts::ZERO);
            interval.rest = Counts::ZERO;
        }
        let cohorts = interval.cohorts.len();
        let Some(fixed) = &self.fixed else {
            self.fixed = Some(Fixed { gate: line.gate, cohorts });
            return Ok(interval);
        };
        ensure!(
            line.gate == fixed.gate,
            "gate is {:?}, and {:?} on the first line: one gate a run",
            line.gate,
            fixed.gate
        );
        ensure!(
            cohorts == fixed.cohorts,
            "it has {cohorts} cohorts, and the first line {}: their number never changes",
            fixed.cohorts
        );
        Ok(interval)
    }
}

impl Line {
    fn interval(&self) -> Result<Interval> {
        let rest = match (self.nc, self.xc, self.ns, self.xs) {
            (Some(nc), Some(xc), Some(ns), Some(xs)) => Some(Counts::try_new(nc, xc, ns, xs)?),
            (None, None, None, None) => None,
            _ => return Err(anyhow!("nc, xc, ns and xs are given together or not at all")),
        };
        let Some(cohorts) = &self.cohorts else {
            return Ok(Interval::whole(
                rest.context("either nc, xc, ns and xs or cohorts are wanted")?,
            ));
        };
        ensure!(
            (1..=MOST_COHORTS).contains(&cohorts.len()),
            "it has {} cohorts: where there are any, there are 1 to {MOST_COHORTS}",
            cohorts.len()
        );
        let counts = cohorts.iter().enumerate().map(|(index, counts)| {
            Counts::try_from(*counts).with_context(|| format!("cohorts[{index}]"))
        });
        Ok(Interval { cohorts: counts.collect::<Result<_>>()?, rest: rest.unwrap_or_default() })
    }
}

/// The error without the line that JSON counts, which is always the first, and with its column.
fn placed(error: &serde_json::Error) -> anyhow::Error {
    let text = error.to_string();
    let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    anyhow!("column {}: {what}", error.column())
}
