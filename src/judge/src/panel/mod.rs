//! All ratio gates of a release side by side: what their counts come to, interval by interval.

mod findings;
mod rules;

pub use findings::{Finding, Findings, Outcome, StreamFinding, Why};
pub use rules::{Counted, GateRules, Measure, Rules, Stage};
