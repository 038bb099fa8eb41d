//! The steps of a release.

use serde_json::{Value, json};

/// What stands for a plan that exposes users only after a test without them, which a release has
/// not: as careful as the field usually begins.
pub(super) const CAREFUL: [f64; 4] = [5.0, 25.0, 50.0, 100.0];

/// How long a weight is observed where nobody says.
pub(super) const BAKE: &str = "10m";

/// One step to be.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    /// In percent.
    pub(super) weight: f64,
    /// In milliseconds.
    pub(super) bake_ms: u64,
    /// Whether a person agrees to its end.
    pub(super) manual: bool,
}

impl Step {
    /// As a release writes it.
    pub(super) fn weight(&self) -> String {
        format!("{}%", self.weight)
    }

    pub(super) fn json(&self) -> Value {
        let bake = core::time::Duration::from_millis(self.bake_ms);
        let mut step = json!({
            "weight": self.weight(),
            "bake": serin_document::duration::format(bake),
        });
        if let (true, Some(fields)) = (self.manual, step.as_object_mut()) {
            fields.insert("approval".to_owned(), "manual".into());
        }
        step
    }
}

/// A duration of others, in milliseconds: `90s`, `1m30s`, a fraction such as `1.5h`, or a number of
/// seconds.
pub(super) fn millis(text: &str) -> Option<u64> {
    if let Ok(seconds) = text.parse::<u64>() {
        return seconds.checked_mul(1_000);
    }
    if let Ok(duration) = serin_document::duration::parse(text) {
        return u64::try_from(duration.as_millis()).ok();
    }
    let (number, scale) = [("ms", 1.0), ("s", 1e3), ("m", 6e4), ("h", 3.6e6), ("d", 8.64e7)]
        .into_iter()
        .find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, scale)))?;
    let millis = number.parse::<f64>().ok()? * scale;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked first")]
    (millis.is_finite() && (0.0..9e15).contains(&millis)).then(|| millis.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_others_are_understood() {
        for (text, expected) in [
            ("30s", 30_000),
            ("1m30s", 90_000),
            ("600", 600_000),
            ("1.5h", 5_400_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(millis(text), Some(expected), "{text}");
        }
        assert_eq!(millis("soon"), None);
        assert_eq!(millis("-1s"), None);
    }

    #[test]
    fn a_step_says_only_what_is_not_the_default() {
        let step = Step { weight: 12.5, bake_ms: 90_000, manual: false };
        assert_eq!(step.json(), json!({"weight": "12.5%", "bake": "1m30s"}));
        assert_eq!(Step { manual: true, ..step }.json()["approval"], "manual");
    }
}
