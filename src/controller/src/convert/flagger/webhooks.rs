//! Flagger's webhooks: those that it waits for are gates that ask.

use serde_json::Value;

use super::super::asks::Ask;
use super::super::gates::Gates;
use super::super::remains::field;
use super::Canary;
use crate::webhook::uri;

/// What the one who is asked has to know.
const ANSWERS: &str = "2xx is a yes (Flagger took 203 and above, and so 204, for none), 429, 502, 503 \
                       and 504 are no answer, anything else is a no, a redirect too; it is asked \
                       again after 10s. The body has `data.namespace` and `data.name` where Flagger's \
                       had `namespace` and `name`, and neither `phase` nor `checksum`";

/// What there is in the place of a hook that nobody waits for.
const OTHERS: [(&str, &str); 5] = [
    (
        "pre-rollout",
        "it goes by its metadata, and none is sent: have an address test the canary's pods without, \
         by a gate of kind `webhook` that is asked `before: exposure`, once they are ready",
    ),
    (
        "post-rollout",
        "a receiver is told that it has succeeded or was rolled back: a `webhook` in the file of \
         --receivers, with `about: milestones` (README, Telling people)",
    ),
    (
        "rollback",
        "nobody is asked whether to go back: who finds harm says `kubectl serin abort NAME`, or \
         writes it into a metric that a `threshold` gate reads",
    ),
    (
        "event",
        "a receiver is told of every decision: a `webhook` in the file of --receivers, with \
         `about: all`; the body is another (README, Telling people)",
    ),
    (
        "rollout",
        "nobody is called at each check: have a test write what it finds into a metric and a \
         `threshold` gate read it; where it makes load, let it run beside the rollout",
    ),
];

/// Which steps wait for a person, since nobody else can be asked.
pub(super) struct Manual {
    pub(super) rises: bool,
    pub(super) last: bool,
}

impl Canary<'_> {
    /// Takes all webhooks: keeps those that become gates, and says what there is for the others.
    pub(super) fn webhooks(&mut self) -> Manual {
        let mut manual = Manual { rises: false, last: false };
        for index in 0..self.remains.count("analysis.webhooks") {
            let place = format!("analysis.webhooks.{index}");
            let Some(hook) = self.remains.take(&place) else { continue };
            let kind = hook.get("type").and_then(Value::as_str).unwrap_or("rollout");
            let moments: &[&str] = match kind {
                "confirm-rollout" => &["start"],
                // What tests the canary's pods is told by its metadata how, if it has any.
                "pre-rollout" if hook.get("metadata").is_none_or(is_nothing) => &["exposure"],
                // Flagger waits for it before the first weight too.
                "confirm-traffic-increase" => &["exposure", "rise"],
                "confirm-promotion" => &["end"],
                _ => {
                    let known = OTHERS.iter().find(|(other, _)| *other == kind);
                    let what = known.map_or("it has no counterpart", |(_, what)| *what);
                    self.parts.left_out(field(&place), what);
                    continue;
                }
            };
            if self.asks(&place, &hook, moments) {
                continue;
            }
            manual.rises |= kind == "confirm-traffic-increase";
            manual.last |= kind == "confirm-promotion";
            let what = "no question can be posted there: a person agrees (`approval: manual`, \
                        `kubectl serin approve NAME`; before the start `kubectl serin pause NAME`)";
            self.parts.left_out(field(&place), what);
        }
        manual
    }

    /// Has a hook asked at these moments; says whether it can be.
    fn asks(&mut self, place: &str, hook: &Value, moments: &[&str]) -> bool {
        let text = |name: &str| hook.get(name).and_then(Value::as_str);
        let Some(url) = text("url").filter(|url| uri(url).is_some()) else { return false };
        for before in moments {
            let name = text("name").unwrap_or("webhook");
            let own_name = match *before {
                "exposure" if moments.len() > 1 => format!("{name}-first"),
                _ => name.to_owned(),
            };
            self.asked.push(Ask {
                field: field(place),
                name: own_name,
                url: url.to_owned(),
                before: (*before).to_owned(),
                timeout: text("timeout").map(str::to_owned),
                rolls_back: false,
                answers: ANSWERS,
            });
        }
        let fields = hook.as_object().into_iter().flatten();
        for (name, _) in fields.filter(|(_, value)| !is_nothing(value)) {
            let what = match name.as_str() {
                // It is asked again as long as it takes, and nobody is alerted of a no.
                "name" | "type" | "url" | "timeout" | "retries" | "muteAlert" => continue,
                "metadata" => {
                    "no metadata is sent: `data.gate` has the gate's name, and the address may say \
                     more"
                }
                "disableTLS" => "name the authority to trust: the gate's caFile",
                _ => "it has no counterpart",
            };
            self.parts.left_out(field(&format!("{place}.{name}")), what);
        }
        true
    }

    /// Adds the gates that ask.
    pub(super) fn ask(&mut self, gates: &mut Gates) {
        for ask in core::mem::take(&mut self.asked) {
            ask.put(gates, &mut self.parts);
        }
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}
