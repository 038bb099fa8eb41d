//! The words of decisions: one sentence with the numbers in it.

use core::fmt::Write as _;
use core::time::Duration;

use crate::decide::Pass;
use crate::{
    Approval, CanaryTraffic, Capacity, Length, Observation, Plan, Proof, RouteSeen, State, Verdict,
    progress,
};

/// `25% (step 2 of 5)`, or before the first of them `10% of requests mirrored, nobody on the canary`
pub(crate) fn place(plan: &Plan, state: &State) -> String {
    if let Some(share) = state.traffic.mirror {
        return format!("{share} of requests mirrored, nobody on the canary");
    }
    let weight = state.traffic.weight;
    let step = plan.steps.reached_by(weight).0.saturating_add(1);
    format!("{weight} (step {step} of {})", plan.steps.len())
}

/// `312 of 500 requests, baked 42 s of 600 s, detects 3.1x with 90 %; errors pass: 0.1 % of 312
/// requests`
pub(crate) fn facts(pass: Pass<'_>, state: &State) -> String {
    let (_, step) = pass.plan.steps.reached_by(state.traffic.weight);
    let requests = match (pass.seen.canary_requests, step.min_requests) {
        (Some(seen), 0) => format!("{seen} requests"),
        (Some(seen), needed) => format!("{seen} of {needed} requests"),
        (None, 0) => "requests unknown".to_owned(),
        (None, needed) => format!("requests unknown, {needed} needed"),
    };
    let baked = state.clock.map_or(0, |clock| clock.baked_ms);
    let (baked, longest) = (seconds(baked), whole_seconds(step.length.longest()));
    let watched = match step.length {
        Length::Bake(_) => format!("baked {baked} of {longest}{}", detects(pass)),
        Length::Detect { ratio, .. } => {
            let asked = detects_wanted(pass, ratio, state, progress::timed_out(step, state));
            format!("{asked}, baked {baked} of at most {longest}")
        }
    };
    let approval = match (step.approval, state.approved) {
        _ if state.skipped => ", the rest of the step is skipped",
        (Approval::Automatic, _) => "",
        (Approval::Manual, true) => ", approved",
        (Approval::Manual, false) => ", not approved",
    };
    let lean = match &pass.seen.capacity {
        Capacity::Lean { why } => format!("; {why}"),
        _ => String::new(),
    };
    format!("{requests}, {watched}{approval}{}{lean}", gates(pass))
}

/// `, detects 3.1x with 90 %`
fn detects(pass: Pass<'_>) -> String {
    let detects = |ratio| format!(", detects {} with 90 %", detected(ratio));
    pass.seen.detectable.map(detects).unwrap_or_default()
}

/// `detects 2.4x with 90 %, 2x wanted`
fn detects_wanted(pass: Pass<'_>, ratio: f64, state: &State, timed_out: bool) -> String {
    match pass.seen.detectable {
        Some(now) if !timed_out || progress::detects(pass, ratio, state) => {
            format!("detects {} with 90 %, {ratio}x wanted", detected(now))
        }
        Some(now) => {
            format!("could not detect {ratio}x in time, only {} with 90 %", detected(now))
        }
        None if timed_out => format!("could not detect {ratio}x in time"),
        None => format!("detects nothing yet, {ratio}x wanted"),
    }
}

/// `2.4x`, rounded away from 1: what is not detected is never shown as detected.
fn detected(ratio: f64) -> String {
    if ratio > 1.0 {
        format!("{}x", (ratio * 10.0).ceil() / 10.0)
    } else {
        format!("{}x", (ratio * 1_000.0).floor() / 1_000.0)
    }
}

/// `; errors pass: 0.1 % of 312 requests; latency no data: 12 of 100 samples`
pub(crate) fn gates(pass: Pass<'_>) -> String {
    let mut text = String::new();
    for gate in &pass.plan.gates {
        let mut readings =
            pass.seen.gates.iter().filter(|reading| reading.gate == *gate).peekable();
        if readings.peek().is_none() {
            push(&mut text, gate, "not read", "");
        }
        for reading in readings {
            push(&mut text, gate, verdict(reading.verdict), &reading.detail);
        }
    }
    text
}

fn push(text: &mut String, gate: &str, verdict: &str, detail: &str) {
    let colon = if detail.is_empty() { "" } else { ": " };
    // Writing to a string cannot fail.
    let _ = write!(text, "; {gate} {verdict}{colon}{detail}");
}

const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::NoComparison => "no comparison",
        Verdict::Skipped => "skipped",
        Verdict::Hold => "hold",
        Verdict::Fail => "fail",
        Verdict::NoData => "no data",
        Verdict::Broken => "broken",
    }
}

/// `revision 17 not live: 1 of 3 proxies behind, the last one at 12`
pub(crate) fn proof(proof: &Proof, revision: u64) -> String {
    match proof {
        Proof::Live { proxies } => format!("revision {revision} live at {proxies} proxies"),
        Proof::Behind { proxies, behind, smallest } => format!(
            "revision {revision} not live: {behind} of {proxies} proxies behind, the last one at \
             {smallest}"
        ),
        Proof::Ahead { largest, .. } => {
            format!("revision {revision} not live: a proxy shows {largest}, a later one")
        }
        Proof::Share { canary, requests } => {
            format!("the weight is live: {}", drawn(*canary, *requests))
        }
        Proof::OtherShare { canary, requests } => {
            format!("the weight is not live: {}", drawn(*canary, *requests))
        }
        Proof::Unseen => {
            let why = "no proxy shows this rollout in the last three scrapes";
            format!("nobody can tell whether revision {revision} is live: {why}")
        }
        Proof::Unknown { why } => {
            format!("nobody can tell whether revision {revision} is live: {why}")
        }
    }
}

/// `40 of 812 requests went to the canary`.
fn drawn(canary: u64, requests: u64) -> String {
    format!("{canary} of {requests} requests went to the canary")
}

/// `requests still reach the canary`; `side` is the one that is to be empty.
pub(crate) fn emptying(seen: &Observation, side: &str) -> String {
    let traffic = match seen.canary_traffic {
        CanaryTraffic::Still { scrapes } => {
            format!("no request to {side} in {scrapes} scrapes")
        }
        CanaryTraffic::Flowing => format!("requests still reach {side}"),
        CanaryTraffic::Unknown => format!("nobody can tell what reaches {side}"),
    };
    let traffic = match &seen.route {
        RouteSeen::Unknown { why } => format!("{traffic}, nobody can tell how the route is: {why}"),
        _ => traffic,
    };
    match seen.proof {
        Proof::Behind { proxies, behind, .. } => {
            format!("{traffic}, {behind} of {proxies} proxies behind")
        }
        Proof::Ahead { largest, .. } => format!("{traffic}, a proxy shows revision {largest}"),
        Proof::OtherShare { canary, requests } => {
            format!("{traffic}, of late {}", drawn(canary, requests))
        }
        Proof::Live { .. } | Proof::Share { .. } | Proof::Unseen | Proof::Unknown { .. } => traffic,
    }
}

/// Milliseconds as whole seconds, cut: what is not over is never shown as over.
pub(crate) fn seconds(ms: u64) -> String {
    whole_seconds(Duration::from_millis(ms))
}

fn whole_seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs())
}
