//! A release's status in a terminal. Styles are taken out again where nobody can see them.

use core::fmt::Write as _;

use anstyle::Style;
use serin_rollout::{Phase, Verdict};

use crate::cli::tones::{BAD, BOLD, DIM, GOOD, WAIT};
use crate::gates::numbers::number;
use crate::status::{Decision, GateEvidence, Measured, Status};
use crate::store::Given;

/// Width of the weight's bar, in characters: one for each 2.5 %.
const BAR: u16 = 40;

/// How many decisions are shown.
const DECISIONS: usize = 8;

/// All that is to be said of one release.
pub(super) fn whole(status: &Status) -> Result<String, core::fmt::Error> {
    let mut text = String::new();
    write_whole(&mut text, status)?;
    Ok(text)
}

fn write_whole(text: &mut String, status: &Status) -> core::fmt::Result {
    let (phase, tone) = phase(status);
    writeln!(
        text,
        "{BOLD}{}{BOLD:#}  version {}  {tone}{phase}{tone:#}  step {} of {}",
        status.key(),
        status.version,
        status.step,
        status.steps
    )?;
    if status.phase.is_some() {
        writeln!(text, "weight    {} {}{}", bar(status), status.weight, share(status))?;
        if let Some(share) = status.mirror {
            writeln!(text, "mirror    {share} of requests, the canary answers nobody")?;
        }
        writeln!(text, "proof     {}", proof(status))?;
    }
    if let Some(tripped) = status.proxies.tripped.filter(|tripped| *tripped > 0) {
        let proxies = if tripped == 1 { "proxy" } else { "proxies" };
        writeln!(text, "tripped   {BAD}{tripped} {proxies}{BAD:#}, where everyone is on stable")?;
    }
    if let Some(clock) = status.step_clock {
        let format = serin_document::duration::format;
        write!(text, "baked     {} of {}", format(clock.baked), format(clock.bake))?;
        match status.canary_requests {
            Some(requests) => writeln!(text, ", {requests} requests to the canary")?,
            None => writeln!(text)?,
        }
    }
    for gate in &status.gates {
        let (sign, tone) = verdict(gate.verdict);
        writeln!(text, "gate      {tone}{sign}{tone:#} {}: {}", gate.name, gate.detail)?;
        if let Some(evidence) = &gate.evidence {
            writeln!(text, "          {DIM}{}{DIM:#}", detects(evidence))?;
        }
    }
    for alert in &status.alerts {
        writeln!(text, "alert     {BAD}{:?}{BAD:#} since {:.0}", alert.name, alert.since)?;
    }
    for condition in &status.conditions {
        writeln!(text, "note      {WAIT}{:?}{WAIT:#}: {}", condition.kind, condition.message)?;
    }
    if !status.message.is_empty() {
        writeln!(text, "now       {}", status.message)?;
    }
    let hidden = status.decisions.len().saturating_sub(DECISIONS);
    for decision in status.decisions.iter().skip(hidden) {
        writeln!(
            text,
            "{DIM}{:.0}{DIM:#}  {:>6}  {}{}",
            decision.at,
            decision.weight,
            decision.message,
            asked(decision)
        )?;
    }
    Ok(())
}

/// Who asked for what, where a person did.
fn asked(decision: &Decision) -> String {
    let asked = |given: &Given| format!(" ({} asked for by {})", given.command, given.by);
    decision.given.as_ref().map(asked).unwrap_or_default()
}

/// One line, for a log.
pub(super) fn line(status: &Status) -> String {
    let (phase, tone) = phase(status);
    let gates: Vec<String> = status
        .gates
        .iter()
        .map(|gate| {
            let (sign, tone) = verdict(gate.verdict);
            format!("{tone}{sign}{tone:#} {}", gate.name)
        })
        .collect();
    format!(
        "{:.0} {} {tone}{phase}{tone:#} step {}/{} {} [{}] {}\n",
        jiff::Timestamp::now(),
        status.key(),
        status.step,
        status.steps,
        status.weight,
        gates.join(", "),
        status.message
    )
}

/// A line a release.
pub(super) fn table(releases: &[Status]) -> String {
    let widest = releases.iter().map(|status| status.key().len()).max().unwrap_or_default();
    let row = |status: &Status| {
        let (phase, tone) = phase(status);
        format!(
            "{:widest$}  {tone}{phase:11}{tone:#}  {:>6}  step {} of {}  {}\n",
            status.key(),
            status.weight,
            status.step,
            status.steps,
            status.message
        )
    };
    releases.iter().map(row).collect()
}

fn phase(status: &Status) -> (String, Style) {
    let Some(phase) = status.phase else { return ("Unknown".to_owned(), WAIT) };
    let tone = match phase {
        _ if status.frozen => BAD,
        Phase::Succeeded => GOOD,
        Phase::RollingBack | Phase::RolledBack => BAD,
        Phase::Pending | Phase::Progressing | Phase::Promoting => BOLD,
    };
    let held = match status.paused {
        _ if status.frozen => " (frozen)",
        Some(_) => " (paused)",
        None => "",
    };
    (format!("{phase:?}{held}"), tone)
}

/// What the step could have shown by now.
fn detects(evidence: &GateEvidence) -> String {
    let Some(ratio) = evidence.detectable else {
        return "can detect nothing at this step so far".to_owned();
    };
    let ratio = number(ratio);
    let what = match evidence.measure {
        Measured::ErrorRate => format!("a {ratio}-fold error rate"),
        Measured::Latency => format!("a {ratio}-fold share of slow requests"),
        Measured::Conversion => format!("conversions at {ratio} of stable's"),
    };
    format!("detects {what} by now, with 90 %")
}

const fn verdict(verdict: Verdict) -> (&'static str, Style) {
    match verdict {
        Verdict::Pass => ("pass", GOOD),
        Verdict::NoComparison => ("no comparison", BOLD),
        Verdict::Skipped => ("skipped", BOLD),
        Verdict::Hold => ("hold", WAIT),
        Verdict::Fail => ("FAIL", BAD),
        Verdict::NoData => ("no data", WAIT),
        Verdict::Broken => ("broken", WAIT),
    }
}

fn bar(status: &Status) -> String {
    let parts = u32::from(status.weight.basis_points()) * u32::from(BAR);
    // Rounded up, so that a canary with any weight at all shows.
    let full = usize::try_from(parts.div_ceil(10_000)).unwrap_or_default();
    let empty = usize::from(BAR).saturating_sub(full);
    format!("{}{DIM}{}{DIM:#}", "█".repeat(full), "░".repeat(empty))
}

fn share(status: &Status) -> String {
    status.observed_share.map_or_else(String::new, |share| format!("  seen {:.1} %", share * 100.0))
}

fn proof(status: &Status) -> String {
    let published = status
        .published_at
        .map_or_else(|| "not published".to_owned(), |at| format!("published {at:.0}"));
    let proxies = match (status.proxies.seen, status.proxies.behind) {
        (0, _) => "no proxy seen".to_owned(),
        (seen, 0) => format!("live at all {seen} proxies"),
        (seen, behind) => format!("{behind} of {seen} proxies behind"),
    };
    format!("revision {}, {published}, {proxies}", status.revision)
}

#[cfg(test)]
mod tests;
