//! What a release's gates mean.

use serde_json::{Value, json};
use serin_document::duration;
use serin_judge::{SetAside, Share};
use serin_rollout::Before;

use crate::gates::{
    Bounds, Counts, Gate, Kind, Measure, Ratio, Selected, Sides, Threshold, before,
};
use crate::release::Release;

/// One line a gate, with its name.
pub(super) fn told(release: &Release) -> Vec<String> {
    let read = release.gates.iter().map(|gate| format!("{}: {}", gate.name, rule(gate)));
    let asked =
        release.sign_offs.iter().map(|name| format!("{name}: `serin approve` ends every step"));
    let webhooks = release
        .webhooks
        .iter()
        .map(|webhook| format!("{}: a webhook is asked {}", webhook.name, moment(webhook.before)));
    read.chain(webhooks).chain(asked).collect()
}

fn moment(before: Before) -> String {
    match before {
        Before::Start => "before the start".to_owned(),
        Before::Exposure => {
            "before the first user, once the canary's replicas are ready".to_owned()
        }
        Before::Rise => "before each rise after the start".to_owned(),
        Before::Weight(weight) => format!("before the rise to {weight}"),
        Before::End => "before the last step ends".to_owned(),
    }
}

pub(super) fn json(release: &Release) -> Vec<Value> {
    let read = release.gates.iter().map(|gate| {
        let ratio = gate.ratio();
        json!({
            "name": gate.name,
            "kind": kind(gate),
            "rule": rule(gate),
            "margin": ratio.map(|ratio| ratio.margin.get()),
            "weight": ratio.map(|ratio| ratio.weight),
            "dispersion": ratio.map(|ratio| ratio.dispersion.get()),
        })
    });
    let asked = release.sign_offs.iter().map(|name| json!({ "name": name, "kind": "manual" }));
    let webhooks = release.webhooks.iter().map(|webhook| {
        json!({ "name": webhook.name, "kind": "webhook", "before": before(webhook.before) })
    });
    read.chain(webhooks).chain(asked).collect()
}

/// What the evidence of the gates that compare comes to; `None` without such a gate.
pub(super) fn evidence(release: &Release) -> Option<String> {
    release.gates.iter().find_map(Gate::ratio)?;
    let evidence = release.evidence;
    let alpha = share(evidence.alpha.get());
    let aside = match evidence.set_aside {
        SetAside::None => "all cohorts count, so that one broken client may condemn a version",
        SetAside::One => "what the worst cohort shows does not count",
        SetAside::Two => "what the two worst cohorts show does not count",
    };
    let skip = duration::format(evidence.skip);
    Some(format!(
        "an identical version is rolled back in at most {alpha} of the rollouts; the first {skip} \
         are not judged; {aside}"
    ))
}

pub(super) fn evidence_json(release: &Release) -> Value {
    let evidence = release.evidence;
    let set_aside = match evidence.set_aside {
        SetAside::None => 0,
        SetAside::One => 1,
        SetAside::Two => 2,
    };
    json!({
        "alpha": evidence.alpha.get(),
        "skip": duration::format(evidence.skip),
        "setAside": set_aside,
    })
}

const fn kind(gate: &Gate) -> &'static str {
    match &gate.kind {
        Kind::Ratio(Ratio { measure, .. }) => match measure {
            Measure::ErrorRate { .. } => "errorRate",
            Measure::Latency { .. } => "latency",
            Measure::Conversion { .. } => "conversion",
        },
        Kind::Threshold(_) => "threshold",
    }
}

/// What passes, in one sentence.
fn rule(gate: &Gate) -> String {
    match &gate.kind {
        Kind::Ratio(ratio) => compared(ratio),
        Kind::Threshold(threshold) => limited(threshold),
    }
}

fn compared(ratio: &Ratio) -> String {
    let Ratio { measure, counts, margin, weight, dispersion } = ratio;
    let mut parts = Vec::new();
    parts.push(match measure {
        Measure::ErrorRate { .. } => format!("errors at most {margin} times stable's"),
        Measure::Latency { bounds: Bounds::Given(bounds) } => {
            let bounds: Vec<_> = bounds.iter().copied().map(duration::format).collect();
            let bounds = bounds.join(", ");
            format!("requests slower than {bounds} at most {margin} times stable's")
        }
        Measure::Latency { bounds: Bounds::FromStable } => format!(
            "slow requests at most {margin} times stable's, slow by what stable does before the \
             rollout"
        ),
        Measure::Conversion { .. } => format!("conversions at least {margin} times stable's"),
    });
    match measure {
        Measure::ErrorRate { floor, slo } => {
            parts.extend(floor.map(|floor| format!("no harm below {}", percentage(floor))));
            parts.extend(slo.map(|slo| format!("hold where both are above {}", percentage(slo))));
        }
        Measure::Conversion { lag } if !lag.is_zero() => {
            parts.push(format!("events up to {} later", duration::format(*lag)));
        }
        Measure::Latency { .. } | Measure::Conversion { .. } => {}
    }
    parts.push(counted(counts));
    if (*weight - 1.0).abs() > f64::EPSILON {
        parts.push(format!("weight {weight}"));
    }
    if dispersion.get() > 1.0 {
        parts.push(format!("an event counts 1/{dispersion}"));
    }
    parts.join("; ")
}

fn counted(counts: &Counts) -> String {
    let name = |selected: &Option<Selected>| {
        selected.as_ref().map_or_else(String::new, |selected| selected.metric.clone())
    };
    match counts {
        Counts::Filter => "counted by the filter".to_owned(),
        Counts::Envoy => "counted by Envoy's clusters, before retries".to_owned(),
        Counts::Istio { sides, .. } => format!("counted by Istio, {}", told_apart(sides)),
        Counts::Linkerd { sides, .. } => format!("counted by Linkerd, {}", told_apart(sides)),
        Counts::Traefik => "counted by Traefik's services, each retry too".to_owned(),
        Counts::Custom { histogram: histogram @ Some(_), .. } => {
            format!("counted by {}", name(histogram))
        }
        Counts::Custom { events, opportunities, .. } => {
            format!("counted by {} of {}", name(events), name(opportunities))
        }
    }
}

fn told_apart(sides: &Sides) -> String {
    let Sides { label, canary, stable } = sides;
    format!("{label} {canary} against {stable}")
}

fn limited(threshold: &Threshold) -> String {
    let limits = &threshold.limits;
    let parts = [
        limits.min.map(|min| format!("at least {min}")),
        limits.max.map(|max| format!("at most {max}")),
        limits.max_ratio.map(|ratio| format!("at most {ratio} times stable's")),
    ];
    let limits = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let samples = threshold
        .samples
        .as_ref()
        .map_or_else(String::new, |samples| format!(", from {} samples on", samples.min));
    let window = duration::format(threshold.window);
    format!("the query's value {limits}; over {window}{samples}")
}

fn percentage(of: Share) -> String {
    share(of.get())
}

/// `0.1%`, without the tail that a binary fraction may have.
fn share(share: f64) -> String {
    let text = format!("{:.6}", share * 100.0);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}
