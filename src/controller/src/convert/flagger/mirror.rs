//! Flagger's mirror, which comes before the first weight.

use serde_json::{Value, json};

use super::super::router::Router;
use super::super::steps::millis;
use super::Canary;

/// Requests that are copied before anybody is exposed.
pub(super) struct Mirrored {
    /// In percent of them.
    share: f64,
    /// In milliseconds.
    time_ms: u64,
}

impl Canary<'_> {
    /// What is mirrored, and for how long: between two checks, or where nobody steps through weights for
    /// all of them.
    pub(super) fn mirrored(&self, interval: &str) -> Option<Mirrored> {
        let of = |field: &str| self.remains.peek(&format!("analysis.{field}"));
        of("mirror").and_then(Value::as_bool).filter(|on| *on)?;
        let weights = of("stepWeight").or(of("stepWeights"));
        let iterations = of("iterations").and_then(Value::as_u64).filter(|_| weights.is_none());
        let share = of("mirrorWeight").and_then(Value::as_f64);
        Some(Mirrored {
            // Where nobody says, all of them.
            share: share.filter(|share| *share > 0.0 && *share <= 100.0).unwrap_or(100.0),
            time_ms: millis(interval)?.saturating_mul(iterations.unwrap_or(1)),
        })
    }

    /// Has the release mirror, where its router can, and one of its gates can judge what the canary
    /// answers to copies.
    pub(super) fn mirror(&mut self, mirrored: &Mirrored, router: &Router) {
        if router.kind.router().mirrors().is_none() {
            return;
        }
        let gates = self.parts.spec.get("gates").and_then(Value::as_array).into_iter().flatten();
        let by_query = gates.filter(|gate| gate.get("kind").is_some_and(|it| it == "threshold"));
        let names: Vec<Value> = by_query.filter_map(|gate| gate.get("name").cloned()).collect();
        if names.is_empty() {
            return;
        }
        self.remains.take("analysis.mirror");
        self.remains.take("analysis.mirrorWeight");
        let Mirrored { share, time_ms } = mirrored;
        let time = core::time::Duration::from_millis(*time_ms);
        let mirror = json!({
            "share": format!("{share}%"),
            "for": serin_document::duration::format(time),
            "gates": names,
        });
        self.parts.spec.insert("mirror".to_owned(), mirror);
        self.parts.note(
            "spec.analysis.mirror",
            "it is judged by the gates whose queries ask what the canary's own side measures: take the \
             others out of mirror.gates",
        );
    }
}
