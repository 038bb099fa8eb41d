//! From findings to readings: each ratio gate's verdict and its sentence.

use core::fmt::Write as _;
use core::time::Duration;

use serin_judge::panel::{Finding, Findings, GateRules, Measure, Outcome, Why};
use serin_judge::{Counts as Counted, LOG_SUSPICION};
use serin_rollout::{GateReading, Verdict};

use super::judged::{Counts, Terms};
use crate::gates::numbers::{count, number, percent, seconds, whole};

/// Why a gate that does not judge mirrored requests says nothing of them.
pub(crate) const NOT_SPLIT: &str = "users are not split while requests are mirrored";

/// For so many scrapes a gate may be without a new interval.
const SILENT_SCRAPES: u32 = 4;

/// What the readings of a pass are made from.
#[derive(Clone, Copy)]
pub(super) struct Read<'a> {
    pub(super) terms: Terms<'a>,
    pub(super) counts: Option<&'a Counts>,
    /// Since when the present traffic has been in force, in milliseconds since 1970.
    pub(super) traffic_since_ms: u64,
    /// Whether requests are mirrored, and nobody is on the canary.
    pub(super) mirrors: bool,
    pub(super) now_ms: u64,
}

impl Read<'_> {
    /// One reading a ratio gate.
    pub(super) fn all(&self, findings: Option<&Findings>) -> Vec<GateReading> {
        let rules = self.terms.rules;
        rules
            .gates
            .iter()
            .map(|gate| {
                let found = findings.and_then(|findings| {
                    let finding = findings.gates.iter().find(|one| one.gate == gate.name)?;
                    Some((findings, finding))
                });
                match found {
                    Some((findings, finding)) => self.one(gate, findings, finding),
                    None if self.mirrors => {
                        reading(gate, Verdict::NoComparison, self.now_ms, NOT_SPLIT.to_owned())
                    }
                    None => reading(
                        gate,
                        Verdict::NoData,
                        self.now_ms,
                        "the canary has had no traffic yet".to_owned(),
                    ),
                }
            })
            .collect()
    }

    fn one(&self, gate: &GateRules, findings: &Findings, finding: &Finding) -> GateReading {
        let detail = self.sentence(gate, findings, finding);
        let at_ms = finding.cut_ms.unwrap_or(self.now_ms);
        if matches!(finding.outcome, Outcome::Rollback(_)) {
            return reading(gate, Verdict::Fail, at_ms, detail);
        }
        if let Some(why) = self.unread(gate) {
            return reading(gate, Verdict::Broken, self.now_ms, why);
        }
        let silent = Duration::from_millis(self.now_ms.saturating_sub(at_ms));
        let limit = self.terms.scrape_interval * SILENT_SCRAPES;
        let compares = !matches!(finding.outcome, Outcome::NoComparison);
        if compares && finding.cut_ms.is_some() && silent > limit {
            let detail = format!("nothing new for {}; {detail}", seconds(silent));
            return reading(gate, Verdict::NoData, self.now_ms, detail);
        }
        let ahead = Duration::from_millis(at_ms.saturating_sub(self.now_ms));
        if compares && ahead > limit {
            let detail = format!(
                "the clock was set back: what is counted is known for another {}, or until the \
                 controller is started again; {detail}",
                seconds(ahead)
            );
            return reading(gate, Verdict::NoData, self.now_ms, detail);
        }
        let verdict = match finding.outcome {
            // What is counted at this traffic comes with the next scrapes: none is missing yet.
            Outcome::NoData(_) if self.is_fresh() => Verdict::Skipped,
            Outcome::Rollback(_) => Verdict::Fail,
            Outcome::Hold(Why::Skipped { .. }) => Verdict::Skipped,
            Outcome::Hold(_) => Verdict::Hold,
            Outcome::Pass => Verdict::Pass,
            Outcome::NoData(_) => Verdict::NoData,
            Outcome::NoComparison => Verdict::NoComparison,
        };
        reading(gate, verdict, at_ms, detail)
    }

    /// Whether the traffic has been in force for so few scrapes that nothing need be counted yet.
    fn is_fresh(&self) -> bool {
        let age = Duration::from_millis(self.now_ms.saturating_sub(self.traffic_since_ms));
        age < self.terms.scrape_interval * SILENT_SCRAPES
    }

    fn unread(&self, gate: &GateRules) -> Option<String> {
        match self.counts {
            None => Some("the counts have not been answered".to_owned()),
            Some(counts) => counts.unread.get(&gate.name).cloned(),
        }
    }

    fn sentence(&self, gate: &GateRules, findings: &Findings, finding: &Finding) -> String {
        let why = match &finding.outcome {
            Outcome::Rollback(why) | Outcome::Hold(why) | Outcome::NoData(why) => Some(why),
            Outcome::Pass | Outcome::NoComparison => None,
        };
        let facts = self.facts(gate, findings, finding);
        match why.and_then(|why| self.why(why)) {
            Some(why) if facts.is_empty() => why,
            Some(why) => format!("{why}; {facts}"),
            None if matches!(finding.outcome, Outcome::NoComparison) => {
                "no stable side to compare with".to_owned()
            }
            None => facts,
        }
    }

    /// What the numbers do not say by themselves.
    fn why(&self, why: &Why) -> Option<String> {
        Some(match why {
            Why::Evidence | Why::Suspicion => return None,
            Why::GrossHarm { log_e } => format!(
                "gross harm within the first {}: evidence {} of {}",
                seconds(self.terms.rules.skip),
                evidence(*log_e),
                evidence(self.terms.rules.alpha.log_threshold() + core::f64::consts::LN_10)
            ),
            Why::SloBroken { canary, stable, slo } => format!(
                "both sides are above {} of late, so it is not the canary: canary {}, stable {}",
                percent(*slo),
                percent(*canary),
                percent(*stable)
            ),
            Why::Skipped { until_ms } => {
                let left_ms = until_ms.saturating_sub(self.now_ms);
                match left_ms.div_ceil(1000) {
                    // The interval that is judged first has not ended.
                    0 => "not judged before the next scrape".to_owned(),
                    left => format!("not judged for another {left} s"),
                }
            }
            Why::AboveStable { log_e, rate, counts } => format!(
                "canary {} of {} requests without stable beside it, above {}: evidence {} of {}",
                percent(counts.canary_events() / counts.canary_requests()),
                count(whole(counts.canary_requests())),
                percent(*rate),
                evidence(*log_e),
                self.threshold()
            ),
            Why::NotRead => "nothing counted yet".to_owned(),
            Why::NoCanaryRequests => "no request to the canary at this weight".to_owned(),
            Why::NoStableRequests => "no request to stable at this weight".to_owned(),
        })
    }

    /// `canary 20.1 % of 149 requests, stable 0.4 % of 2,801; ratio 48 (12 to 190); evidence 3,400
    /// of 100, 520 without cohort 7`
    fn facts(&self, gate: &GateRules, findings: &Findings, finding: &Finding) -> String {
        let judged = finding.counts.canary_requests() + finding.counts.stable_requests() > 0.0;
        let counts = if judged { &finding.counts } else { &finding.step_counts };
        if counts.canary_requests() + counts.stable_requests() <= 0.0 {
            return String::new();
        }
        let mut text = shares(gate, counts);
        if !judged {
            return text;
        }
        if let Some(ratio) = finding.ratio {
            let (low, high) = (number(finding.ratio_low), number(finding.ratio_high));
            // Writing to a string cannot fail.
            let _ = write!(text, "; ratio {} ({low} to {high})", number(ratio));
        }
        let _ = write!(text, "; evidence {} of {}", evidence(finding.log_e), self.threshold());
        match finding.set_aside.as_slice() {
            [] if !finding.cohorts => text.push_str(" (no cohorts to set aside)"),
            // Nothing to speak of.
            _ if finding.log_e < LOG_SUSPICION => {}
            [] => {}
            cohorts => {
                let names: Vec<String> = cohorts.iter().map(usize::to_string).collect();
                let one = if names.len() == 1 { "cohort" } else { "cohorts" };
                let left = evidence(finding.log_e_worst);
                let _ = write!(text, ", {left} without {one} {}", names.join(" and "));
                if finding.log_e_worst < LOG_SUSPICION {
                    text.push_str(": it comes from there alone");
                }
            }
        }
        let alpha = self.terms.rules.alpha.log_threshold();
        if let Some(log_floor) = finding.log_floor.filter(|log_floor| *log_floor < alpha) {
            let _ = write!(text, ", floor {} of {}", evidence(log_floor), self.threshold());
        }
        if self.terms.rules.gates.len() > 1 && matches!(finding.outcome, Outcome::Rollback(_)) {
            let _ = write!(text, "; {} over all gates", evidence(findings.log_e));
        }
        text
    }

    fn threshold(&self) -> String {
        evidence(self.terms.rules.alpha.log_threshold())
    }
}

fn reading(gate: &GateRules, verdict: Verdict, at_ms: u64, detail: String) -> GateReading {
    GateReading { gate: gate.name.clone(), at_ms, verdict, detail }
}

/// `canary 20.1 % of 149 requests, stable 0.4 % of 2,801`
fn shares(gate: &GateRules, counts: &Counted) -> String {
    let share = |events: f64, requests: f64| {
        if requests > 0.0 { percent(events / requests) } else { "nothing".to_owned() }
    };
    let of = match gate.measure {
        Measure::Errors { .. } | Measure::Slow => "requests",
        Measure::Conversions { .. } => "opportunities",
    };
    format!(
        "canary {} of {} {of}, stable {} of {}",
        share(counts.canary_events(), counts.canary_requests()),
        count(whole(counts.canary_requests())),
        share(counts.stable_events(), counts.stable_requests()),
        count(whole(counts.stable_requests()))
    )
}

/// Evidence for people: `0.4`, `520`, `3,400`, `10^21`. Three figures are enough.
pub(crate) fn evidence(log_e: f64) -> String {
    // Above it the digits are no help to anybody.
    const BILLION: f64 = 1e9;
    let value = log_e.exp();
    if value >= BILLION {
        return format!("10^{:.0}", (log_e / core::f64::consts::LN_10).floor());
    }
    if value < 1000.0 {
        return number(value);
    }
    let scale = 10_f64.powf((value.log10().floor() - 2.0).max(0.0));
    count(whole((value / scale).round() * scale))
}
