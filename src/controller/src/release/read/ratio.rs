//! Gates that compare: `errorRate`, `latency` and `conversion`.

use core::time::Duration;

use serin_document::duration;
use serin_judge::{Dispersion, Margin, OutOfRange, Share, Worse};

use super::gate_fields::Fields;
use super::{by_rule, counts, within};
use crate::gates::{Bounds, Measure, Ratio};

/// The longest response time that Envoy's histograms can tell (their highest bound is an hour).
const LATENCIES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_hours(1));

/// Every bound is a question of its own; three tell a shift from a tail.
const MOST_BOUNDS: usize = 3;

/// Three times the lag after every step are not judged; more than a week is no step any more.
const LAGS: (Duration, Duration) = (Duration::ZERO, Duration::from_hours(7 * 24));

pub(super) fn error_rate(fields: &mut Fields<'_>) -> Option<Ratio> {
    let floor = fields.optional("floor", share_or_none);
    let slo = fields.optional("slo", |text| {
        share_or_none(text)?.ok_or_else(|| "an objective above 0%, such as 2%".to_owned())
    });
    let counts = counts::of_requests(fields, counts::Wanted::Events);
    let common = Common::read(fields, Worse::Higher);
    let measure =
        Measure::ErrorRate { floor: floor?.unwrap_or(Some(Share::DEFAULT_FLOOR)), slo: slo? };
    Some(common?.with(measure, counts?))
}

pub(super) fn latency(fields: &mut Fields<'_>) -> Option<Ratio> {
    let bounds = match fields.bounds() {
        None => Some(Bounds::FromStable),
        Some(texts) => bounds(&texts, fields).map(Bounds::Given),
    };
    let counts = counts::of_requests(fields, counts::Wanted::Histogram);
    let common = Common::read(fields, Worse::Higher);
    Some(common?.with(Measure::Latency { bounds: bounds? }, counts?))
}

pub(super) fn conversion(fields: &mut Fields<'_>) -> Option<Ratio> {
    let meaning = "how long after its opportunity an event may come, such as 30m; 0s where both \
                   are counted at once";
    let lag = fields.required("lag", meaning, |text| within(LAGS, by_rule(duration::parse)(text)?));
    let counts = counts::of_opportunities(fields);
    let common = Common::read(fields, Worse::Lower);
    Some(common?.with(Measure::Conversion { lag: lag? }, counts?))
}

/// What all of them have.
struct Common {
    margin: Margin,
    weight: f64,
    dispersion: Dispersion,
}

impl Common {
    fn read(fields: &mut Fields<'_>, worse: Worse) -> Option<Self> {
        let margin = fields.optional("margin", |text| margin(text, worse));
        let weight = fields.optional("weight", |text| {
            let found = text.parse().ok().filter(|found: &f64| *found > 0.0 && found.is_finite());
            found.ok_or_else(|| "a weight is a number above 0, such as 2".to_owned())
        });
        let dispersion = fields.optional("dispersion", |text| {
            number(text).and_then(|value| Dispersion::try_new(value).map_err(rule))
        });
        Some(Self {
            margin: margin?.unwrap_or(Margin::default_for(worse)),
            weight: weight?.unwrap_or(1.0),
            dispersion: dispersion?.unwrap_or(Dispersion::NONE),
        })
    }

    fn with(self, measure: Measure, counts: crate::gates::Counts) -> Ratio {
        let Self { margin, weight, dispersion } = self;
        Ratio { measure, counts, margin, weight, dispersion }
    }
}

fn margin(text: &str, worse: Worse) -> Result<Margin, String> {
    let value = number(text)?;
    match worse {
        Worse::Higher if value < 1.0 => {
            Err("a margin of at least 1: how many times stable's rate still counts as healthy, \
                 such as 1.1"
                .to_owned())
        }
        Worse::Lower if value > 1.0 => {
            Err("a margin of at most 1: what part of stable's rate still counts as healthy, such \
                 as 0.95"
                .to_owned())
        }
        Worse::Higher | Worse::Lower => Margin::try_new(value).map_err(rule),
    }
}

fn bounds(texts: &[String], fields: &mut Fields<'_>) -> Option<Vec<Duration>> {
    let at = fields.at.field("bounds");
    if !(1..=MOST_BOUNDS).contains(&texts.len()) {
        let rule = "one to three bounds, such as [250ms, 1s]; without the field they are chosen \
                    from what stable does";
        fields.faults.value(at, &texts.join(", "), rule);
        return None;
    }
    let mut found: Vec<Duration> = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let before = found.last().copied();
        let bound = fields.faults.parse(at.index(index), text, |text| {
            let bound = within(LATENCIES, by_rule(duration::parse)(text)?)?;
            match before {
                Some(before) if bound <= before => Err("bounds rise, such as [250ms, 1s]".into()),
                _ => Ok(bound),
            }
        })?;
        found.push(bound);
    }
    Some(found)
}

/// `0.1%`; nothing for `0%`.
fn share_or_none(text: &str) -> Result<Option<Share>, String> {
    let rule = || "a share is a percentage from 0% to below 100%, such as 0.1%".to_owned();
    let percent: f64 = text.strip_suffix('%').and_then(|n| n.parse().ok()).ok_or_else(rule)?;
    if percent == 0.0 {
        return Ok(None);
    }
    Share::try_new(percent / 100.0).map(Some).map_err(|_| rule())
}

fn number(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| "a number such as 1.1".to_owned())
}

fn rule(error: OutOfRange) -> String {
    error.rule.to_owned()
}
