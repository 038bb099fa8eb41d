//! What is shown: a frame for a terminal or a line for a log, made of plain values.

use std::collections::BTreeSet;

use serin_assignment::Variant;
use serin_tests::clock::now_us;
use serin_tests::controller::Status;
use serin_tests::load::{Load, Outcome};

/// The length of the weight's bar: one cell is 2.5 %.
const BAR: u32 = 40;
/// How many decisions a frame shows.
const DECISIONS: usize = 6;
/// The sides are told over so many seconds: long enough for calm numbers, short enough to follow.
const RECENT_SECONDS: u32 = 4;

/// What the load has seen, counted as it goes.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Records counted so far.
    read: usize,
    injected: usize,
    failed: usize,
    stable: Side,
    canary: Side,
}

/// What a side has served lately.
#[derive(Debug, Default)]
struct Side {
    users: BTreeSet<u32>,
    requests: u32,
}

impl Tally {
    /// Counts what is new.
    pub(crate) fn add(&mut self, load: &Load) {
        load.since(self.read, |records| {
            self.read += records.len();
            for record in records {
                self.injected += usize::from(matches!(record.outcome, Outcome::Injected(_)));
                self.failed += usize::from(matches!(record.outcome, Outcome::Failed { .. }));
            }
        });
        let since = now_us().saturating_sub(u64::from(RECENT_SECONDS) * 1_000_000);
        (self.stable, self.canary) = (Side::default(), Side::default());
        load.since(0, |records| {
            for record in records.iter().rev().take_while(|record| record.received_us > since) {
                let side = match record.outcome.side() {
                    Some(Variant::Stable) => &mut self.stable,
                    Some(Variant::Canary) => &mut self.canary,
                    None => continue,
                };
                side.users.insert(record.user);
                side.requests += 1;
            }
        });
    }
}

impl Side {
    fn line(&self, name: &str, version: &str) -> String {
        let rate = self.requests / RECENT_SECONDS;
        let users = self.users.len();
        format!(
            "  {name} {version}: {rate:>4} requests/s from {users:>4} users in {RECENT_SECONDS} s"
        )
    }
}

/// One moment of the demo.
#[derive(Debug)]
pub(crate) struct View<'a> {
    pub(crate) clock: String,
    pub(crate) act: &'a str,
    pub(crate) status: &'a Status,
    pub(crate) tally: &'a Tally,
    /// The version on stable.
    pub(crate) stable: &'a str,
    /// The version on the canary.
    pub(crate) canary: &'a str,
}

impl View<'_> {
    /// A frame for a terminal; each line ends with a line break.
    ///
    /// No line is longer than `width`: one that wraps could not be drawn over.
    pub(crate) fn frame(&self, width: usize) -> Vec<String> {
        let Self { status, tally, .. } = self;
        let mut lines = vec![
            String::new(),
            format!("{} {} ({})", self.clock, self.act, self.phase()),
            format!(
                "  step {} of {}  {:>5} {}  {}",
                status.step,
                status.steps,
                status.weight,
                self.bar(),
                self.observed()
            ),
            format!("  {}", self.baked()),
            tally.stable.line("stable", self.stable),
            tally.canary.line("canary", self.canary),
            format!("  errors of the canary's own: {}", tally.injected),
            format!("  failed on the way: {}", tally.failed),
            "  gates".to_owned(),
        ];
        lines.extend(
            status
                .gates
                .iter()
                .map(|gate| format!("    {:<10} {:<7} {}", gate.name, gate.verdict, gate.detail)),
        );
        lines.push("  decisions".to_owned());
        let shown = status.decisions.len().saturating_sub(DECISIONS);
        lines.extend(status.decisions.iter().skip(shown).map(|decision| {
            format!("    {} {:<17} {}", time(&decision.at), decision.reason, decision.message)
        }));
        lines.push(format!("  now: {}", status.message));
        lines.iter().map(|line| clip(line, width) + "\n").collect()
    }

    /// A line for a log.
    pub(crate) fn line(&self) -> String {
        let Self { status, tally, .. } = self;
        let gates: Vec<String> = status
            .gates
            .iter()
            .map(|gate| format!("{} {}: {}", gate.name, gate.verdict, gate.detail))
            .collect();
        format!(
            "{} {} ({}) step {}/{} {} {}, {}, users {} stable {} canary, failed {}; {}",
            self.clock,
            self.act,
            self.phase(),
            status.step,
            status.steps,
            status.weight,
            self.observed(),
            self.baked(),
            tally.stable.users.len(),
            tally.canary.users.len(),
            tally.failed,
            gates.join("; ")
        )
    }

    fn phase(&self) -> &str {
        self.status.phase.as_deref().unwrap_or("state not known yet")
    }

    fn bar(&self) -> String {
        let percent: f64 = self.status.weight.trim_end_matches('%').parse().unwrap_or_default();
        (0..BAR)
            .map(|cell| f64::from(cell * 100) / f64::from(BAR))
            .map(|begins| if begins < percent { '█' } else { '░' })
            .collect()
    }

    fn observed(&self) -> String {
        match self.status.observed_share {
            Some(share) => format!("observed {:.1} %", share * 100.0),
            None => "observed -".to_owned(),
        }
    }

    fn baked(&self) -> String {
        match &self.status.step_clock {
            Some(clock) => format!("baked {} of {}", clock.baked, clock.bake),
            None => "no clock runs".to_owned(),
        }
    }
}

/// The time of day of an RFC 3339 stamp.
fn time(stamp: &str) -> &str {
    stamp.get(11..19).unwrap_or(stamp)
}

fn clip(line: &str, width: usize) -> String {
    line.chars().take(width).collect()
}
