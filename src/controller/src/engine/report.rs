//! What status says of an engine.

use core::time::Duration;

use serin_assignment::Weight;
use serin_judge::panel::{Finding, Findings, GateRules, Measure, Rules};
use serin_rollout::{Phase, Proof, Trips};

use super::seen::Seen;
use super::task::Running;
use crate::release::Release;
use crate::status::{
    Clock, Condition, ConditionKind, Decision, Evidence, Gate, GateEvidence, GateTest, Measured,
    Proxies, RaisedAlert, SideCounts, Status, timestamp,
};
use crate::store::{ActiveAlert, Logged, Record};

/// What follows from a proxy's cap on metric names.
const CAPPED: &str = "a proxy has more metric names than its cap allows and keeps some of this \
                      release's counts to itself: they are no evidence; fewer rollouts, cohorts \
                      or bounds, or a restart of the proxy, make room";

/// What the tripwire of a release does not help against.
fn unwatched(release: &Release, seen: &Seen) -> Option<String> {
    release.tripwire?;
    let all = proxies(seen.proof()).seen;
    let watching = match seen.trips() {
        Trips::None { watching } | Trips::Tripped { watching, .. } => watching,
        Trips::Unknown => return None,
    };
    (watching < all).then(|| {
        format!(
            "{} of {all} proxies show no serin_tripped: their module has no tripwires \
             (serin-tripwire.wasm has), or they do not count",
            all - watching
        )
    })
}

/// The status of a release whose state is not known.
pub(super) fn unknown(release: &Release, message: &str) -> Status {
    Status {
        namespace: release.namespace.clone(),
        name: release.name.clone(),
        version: release.version.to_string(),
        phase: None,
        step: 0,
        steps: release.plan.steps.len(),
        weight: Weight::ZERO,
        canary_serves: false,
        mirror: None,
        revision: 0,
        published_at: None,
        salt: None,
        observed_share: None,
        proxies: Proxies::default(),
        step_clock: None,
        canary_requests: None,
        paused: None,
        frozen: false,
        reason: None,
        message: message.to_owned(),
        evidence: None,
        detectable: None,
        gates: Vec::new(),
        alerts: Vec::new(),
        conditions: vec![condition(ConditionKind::StateUnknown, message)],
        decisions: Vec::new(),
    }
}

/// The status of a release under way.
pub(super) fn known<O, K>(running: &Running<O, K>, seen: &Seen) -> Status {
    let (release, record) = (&running.engine.release, &running.record);
    let state = &record.state;
    let step = release.plan.steps.get(state.step);
    let step = step.map_or(Duration::ZERO, |step| step.length.longest());
    let mirror = release.plan.mirror.as_ref().filter(|_| state.mirrors());
    let bake = mirror.map_or(step, |mirror| mirror.time);
    let live = record.live.filter(|live| live.revision == state.traffic.revision);
    let last = running.last.as_ref();
    Status {
        namespace: release.namespace.clone(),
        name: release.name.clone(),
        version: state.version.to_string(),
        phase: Some(state.phase),
        step: state.step + 1,
        steps: release.plan.steps.len(),
        weight: state.traffic.weight,
        canary_serves: state.traffic.canary_serves,
        mirror: state.traffic.mirror,
        revision: state.traffic.revision,
        published_at: live.map(|live| timestamp(live.since_ms)),
        salt: Some(record.salt.clone()),
        observed_share: seen.observed_share(),
        proxies: Proxies { tripped: tripped(seen.trips()), ..proxies(seen.proof()) },
        step_clock: state.clock.map(|clock| Clock {
            started_at: timestamp(clock.started_ms),
            baked: Duration::from_secs(clock.baked_ms / 1_000),
            bake,
        }),
        canary_requests: seen.canary_requests(),
        paused: state.paused,
        frozen: state.frozen,
        reason: last.map(|decision| decision.reason),
        message: last.map(|decision| decision.message.clone()).unwrap_or_default(),
        evidence: running.findings.as_ref().map(|found| Evidence {
            log_e: found.log_e,
            log_threshold: running.rules.alpha.log_threshold(),
            intervals: found.intervals,
        }),
        detectable: running.detectable(),
        gates: gates(state, running.findings.as_ref(), &running.rules),
        alerts: alerts(record),
        conditions: conditions(running, seen),
        decisions: decisions(record),
    }
}

/// The status of a release as a record has it, with what else was last shown of the release. What
/// was shown is older than a record that is about to be stored.
///
/// Where the rollout rests, it says nothing that changes by itself, so that nobody has to write it
/// down again and again.
pub(crate) fn recorded(release: &Release, record: &Record, shown: Option<&Status>) -> Status {
    let state = &record.state;
    let base = shown.cloned().unwrap_or_else(|| Status {
        conditions: Vec::new(),
        ..unknown(release, "not looked at yet")
    });
    let rests = matches!(state.phase, Phase::Pending | Phase::Succeeded | Phase::RolledBack);
    let is_news = base.phase != Some(state.phase) || base.revision != state.traffic.revision;
    let last = record.decisions.back().filter(|_| rests || is_news);
    Status {
        version: state.version.to_string(),
        phase: Some(state.phase),
        step: state.step + 1,
        weight: state.traffic.weight,
        canary_serves: state.traffic.canary_serves,
        mirror: state.traffic.mirror,
        revision: state.traffic.revision,
        salt: Some(record.salt.clone()),
        observed_share: base.observed_share.filter(|_| !rests && !is_news),
        proxies: Proxies {
            tripped: base.proxies.tripped.filter(|_| !rests && !is_news),
            ..base.proxies
        },
        paused: state.paused,
        frozen: state.frozen,
        reason: last.map(|logged| logged.decision.reason).or(base.reason),
        message: last.map_or(base.message, |logged| logged.decision.message.clone()),
        alerts: alerts(record),
        decisions: decisions(record),
        ..base
    }
}

fn alerts(record: &Record) -> Vec<RaisedAlert> {
    let raised =
        |active: &ActiveAlert| RaisedAlert { name: active.name, since: timestamp(active.since_ms) };
    record.alerts.iter().map(raised).collect()
}

fn gates(state: &serin_rollout::State, findings: Option<&Findings>, rules: &Rules) -> Vec<Gate> {
    let found = |gate: &str| {
        let gates = &findings?.gates;
        let found = gates.iter().find(|one| one.gate == gate && one.cut_ms.is_some())?;
        Some(evidence(found, rules, rules.gate(gate)?))
    };
    let gate = |reading: &serin_rollout::GateReading| Gate {
        name: reading.gate.clone(),
        verdict: reading.verdict,
        detail: reading.detail.clone(),
        at: timestamp(reading.at_ms),
        evidence: found(&reading.gate),
    };
    state.gates.iter().map(gate).collect()
}

fn evidence(found: &Finding, rules: &Rules, gate: &GateRules) -> GateEvidence {
    let counts = &found.counts;
    let rule = rules.test(gate);
    let test = GateTest {
        margin: rule.margin,
        worse: rule.worse,
        alpha: rules.alpha,
        floor: rule.floor,
        phi: gate.phi,
        set_aside: rule.set_aside,
    };
    GateEvidence {
        measure: match gate.measure {
            Measure::Errors { .. } => Measured::ErrorRate,
            Measure::Slow => Measured::Latency,
            Measure::Conversions { .. } => Measured::Conversion,
        },
        test,
        log_e: found.log_e,
        log_e_worst: found.log_e_worst,
        set_aside: found.set_aside.clone(),
        log_floor: found.log_floor,
        weight: found.weight,
        ratio: found.ratio,
        ratio_low: found.ratio_low,
        ratio_high: found.ratio_high,
        detectable: found.detectable,
        canary: SideCounts { requests: counts.canary_requests(), events: counts.canary_events() },
        stable: SideCounts { requests: counts.stable_requests(), events: counts.stable_events() },
    }
}

/// The decision log as a record has it.
pub(crate) fn decisions(record: &Record) -> Vec<Decision> {
    record.decisions.iter().map(decision).collect()
}

fn decision(logged: &Logged) -> Decision {
    Decision {
        at: timestamp(logged.at_ms),
        reason: logged.decision.reason,
        message: logged.decision.message.clone(),
        step: logged.step + 1,
        weight: logged.weight,
        given: logged.given.clone(),
        inputs: logged.inputs.clone(),
    }
}

fn proxies(proof: Option<&Proof>) -> Proxies {
    match proof {
        Some(Proof::Live { proxies } | Proof::Ahead { proxies, .. }) => {
            Proxies { seen: *proxies, ..Proxies::default() }
        }
        Some(Proof::Behind { proxies, behind, .. }) => {
            Proxies { seen: *proxies, behind: *behind, ..Proxies::default() }
        }
        // Who counts requests is not asked how many it is.
        Some(
            Proof::Share { .. } | Proof::OtherShare { .. } | Proof::Unseen | Proof::Unknown { .. },
        )
        | None => Proxies::default(),
    }
}

const fn tripped(trips: Trips) -> Option<usize> {
    match trips {
        Trips::None { watching: 0 } | Trips::Unknown => None,
        Trips::None { .. } => Some(0),
        Trips::Tripped { tripped, .. } => Some(tripped),
    }
}

fn conditions<O, K>(running: &Running<O, K>, seen: &Seen) -> Vec<Condition> {
    let release = &running.engine.release;
    let not_stored = running.not_stored.iter();
    let not_carried =
        running.not_carried.iter().map(|why| condition(ConditionKind::RouteNotWritten, why.why()));
    let left_out = running.engine.board.left_out(release.key());
    let refused = running.file_refused.iter();
    let capped = seen.evidence_capped().then(|| condition(ConditionKind::EvidenceCapped, CAPPED));
    let of = |kind| move |why: &String| condition(kind, why);
    not_stored
        .map(of(ConditionKind::StateNotStored))
        .chain(not_carried)
        .chain(left_out.iter().map(of(ConditionKind::LeftOut)))
        .chain(refused.map(of(ConditionKind::ReleaseFileRefused)))
        .chain(capped)
        .chain(unwatched(release, seen).iter().map(of(ConditionKind::NoTripwire)))
        .chain(
            release
                .warnings()
                .iter()
                .map(|why| condition(ConditionKind::Warning, &why.to_string())),
        )
        .collect()
}

fn condition(kind: ConditionKind, message: &str) -> Condition {
    Condition { kind, message: message.to_owned() }
}
