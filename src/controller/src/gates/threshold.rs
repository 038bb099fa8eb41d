//! The kind `threshold`: the user's own query against limits.

use core::time::Duration;

use serin_assignment::{Variant, Weight};
use serin_rollout::Verdict;

use super::numbers::{count, number, whole};
use super::{Judgement, Moment, Subject, Template, Window, single};
use crate::prometheus::{Client, QueryError, Sample};

/// A query and the limits for its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// What is asked of the canary, and of stable where the limits compare.
    pub query: Template,
    /// What the value must keep to.
    pub limits: Limits,
    /// How many samples the value rests on.
    pub samples: Option<Samples>,
    /// How far back it looks. Less is asked for while the canary has been exposed for less.
    pub window: Duration,
}

/// How many samples a value rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    /// Gives their number.
    pub query: Template,
    /// The fewest that are judged.
    pub min: u64,
}

/// Limits for a value; at least one is set.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// The lowest value that passes.
    pub min: Option<f64>,
    /// The highest value that passes.
    pub max: Option<f64>,
    /// The highest multiple of stable's value that passes.
    pub max_ratio: Option<f64>,
}

type Answer = Result<Vec<Sample>, QueryError>;

/// What was answered about one side.
struct Side {
    value: Answer,
    /// Where the gate counts samples.
    samples: Option<Answer>,
}

impl Threshold {
    pub(super) async fn evaluate(
        &self,
        client: &Client,
        subject: &Subject,
        window: &Window,
        moment: &Moment,
    ) -> Judgement {
        let compared = self.limits.max_ratio.is_some() && moment.weight < Weight::FULL;
        let stable = async {
            if !compared {
                return None;
            }
            Some(self.ask(client, subject, Variant::Stable, window).await)
        };
        let (canary, stable) =
            tokio::join!(self.ask(client, subject, Variant::Canary, window), stable);
        self.judge(&canary, stable.as_ref())
    }

    async fn ask(
        &self,
        client: &Client,
        subject: &Subject,
        side: Variant,
        window: &Window,
    ) -> Side {
        let value = self.query.render(subject, side, window);
        let samples =
            self.samples.as_ref().map(|samples| samples.query.render(subject, side, window));
        let samples = async {
            match samples {
                Some(query) => Some(client.vector(&query, window.end_ms).await),
                None => None,
            }
        };
        let (value, samples) = tokio::join!(client.vector(&value, window.end_ms), samples);
        Side { value, samples }
    }

    /// `stable` is there where it is compared with.
    fn judge(&self, canary: &Side, stable: Option<&Side>) -> Judgement {
        self.checked(canary, stable).unwrap_or_else(|instead| instead)
    }

    fn checked(&self, canary: &Side, stable: Option<&Side>) -> Result<Judgement, Judgement> {
        let absolute = self.limits.min.is_some() || self.limits.max.is_some();
        if stable.is_none() && !absolute {
            let told = "nobody is on stable to compare with";
            return Err(Judgement::new(Verdict::NoComparison, told));
        }
        let value = single::number("canary", &canary.value)?;
        let behind = self.enough("canary", canary)?;
        let mut told = format!("canary {}{behind}", number(value));
        let mut harm = false;
        if let Some(min) = self.limits.min {
            harm |= value < min;
            told = format!("{told}, at least {}", number(min));
        }
        if let Some(max) = self.limits.max {
            harm |= value > max;
            told = format!("{told}, limit {}", number(max));
        }
        let Some(ratio) = self.limits.max_ratio else {
            return Ok(Judgement::new(if harm { Verdict::Fail } else { Verdict::Pass }, told));
        };
        let Some(stable) = stable else {
            let told = format!("{told}; not compared: nobody is on stable");
            return Ok(Judgement::new(if harm { Verdict::Fail } else { Verdict::Pass }, told));
        };
        if harm {
            return Ok(Judgement::new(Verdict::Fail, told));
        }
        let other = single::number("stable", &stable.value)?;
        let behind = self.enough("stable", stable)?;
        let told =
            format!("{told}; stable {}{behind}, at most {} times it", number(other), number(ratio));
        Ok(Judgement::new(compare(value, other, ratio), told))
    }

    /// Whether the value rests on enough samples, and on how many.
    fn enough(&self, what: &str, side: &Side) -> Result<String, Judgement> {
        let (Some(wanted), Some(answer)) = (&self.samples, &side.samples) else {
            return Ok(String::new());
        };
        let found = whole(single::number(&format!("samples of {what}"), answer)?);
        if found < wanted.min {
            let detail =
                format!("{what}: {} of at least {} samples", count(found), count(wanted.min));
            return Err(Judgement::new(Verdict::NoData, detail));
        }
        Ok(format!(" of {} samples", count(found)))
    }
}

/// A multiple of nothing says nothing, unless both are nothing.
fn compare(canary: f64, stable: f64, ratio: f64) -> Verdict {
    if canary <= stable * ratio {
        Verdict::Pass
    } else if stable > 0.0 {
        Verdict::Fail
    } else {
        Verdict::NoData
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prometheus::{Fault, Labels, Point};

    fn samples(value: f64) -> Vec<Sample> {
        vec![Sample { labels: Labels::new(), point: Point { at_ms: 0, value } }]
    }

    fn valued(value: f64) -> Side {
        side(Ok(samples(value)))
    }

    fn side(answer: Answer) -> Side {
        Side { value: answer, samples: None }
    }

    fn gate(limits: Limits) -> Threshold {
        Threshold {
            query: Template::new("x").unwrap(),
            limits,
            samples: None,
            window: Duration::from_mins(1),
        }
    }

    fn verdict(limits: Limits, canary: f64, stable: Option<f64>) -> Verdict {
        let stable = stable.map(valued);
        gate(limits).judge(&valued(canary), stable.as_ref()).verdict
    }

    #[test]
    fn limits_are_inclusive() {
        let between = Limits { min: Some(0.8), max: Some(0.9), max_ratio: None };
        for (canary, expected) in [
            (0.79, Verdict::Fail),
            (0.8, Verdict::Pass),
            (0.9, Verdict::Pass),
            (0.91, Verdict::Fail),
            (f64::NAN, Verdict::NoData),
            (f64::INFINITY, Verdict::NoData),
        ] {
            assert_eq!(verdict(between, canary, None), expected, "{canary}");
        }
    }

    #[test]
    fn a_ratio_compares_with_stable() {
        let twice = Limits { max_ratio: Some(2.0), ..Limits::default() };
        for (canary, stable, expected) in [
            (2.0, Some(1.0), Verdict::Pass),
            (2.1, Some(1.0), Verdict::Fail),
            (0.0, Some(0.0), Verdict::Pass),
            (0.1, Some(0.0), Verdict::NoData),
            (1.0, Some(f64::NAN), Verdict::NoData),
            (9.0, None, Verdict::NoComparison),
        ] {
            assert_eq!(verdict(twice, canary, stable), expected, "{canary} {stable:?}");
        }
    }

    #[test]
    fn an_absolute_limit_fails_whatever_stable_does() {
        let both = Limits { max: Some(1.0), max_ratio: Some(2.0), min: None };
        let judgement = gate(both).judge(&valued(5.0), Some(&valued(f64::NAN)));
        assert_eq!(judgement.verdict, Verdict::Fail);
        assert_eq!(judgement.detail, "canary 5, limit 1");
    }

    #[test]
    fn no_series_and_several_series_are_told_apart() {
        let max = Limits { max: Some(1.0), ..Limits::default() };
        let none = gate(max).judge(&side(Ok(Vec::new())), None);
        assert_eq!(none.verdict, Verdict::NoData);
        let named = |pod: &str| Sample {
            labels: [("__name__", "up"), ("pod", pod)]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into(),
            point: Point { at_ms: 0, value: 1.0 },
        };
        let several = gate(max).judge(&side(Ok(vec![named("a"), named("b"), named("c")])), None);
        assert_eq!(several.verdict, Verdict::Broken);
        assert_eq!(
            several.detail,
            r#"canary: 3 series where one is needed (up{pod="a"}, up{pod="b"}, …); let the query aggregate"#
        );
    }

    #[test]
    fn a_query_that_fails_breaks_the_gate() {
        let address = "http://127.0.0.1:9090".parse().unwrap();
        let error = QueryError { address, fault: Fault::Warnings(vec!["a store is down".into()]) };
        let max = Limits { max: Some(1.0), ..Limits::default() };
        let judgement = gate(max).judge(&side(Err(error)), None);
        assert_eq!(judgement.verdict, Verdict::Broken);
        assert!(judgement.detail.contains("a store is down"), "{judgement:?}");
    }

    #[test]
    fn few_samples_are_no_data() {
        let mut gate = gate(Limits { max: Some(1.0), ..Limits::default() });
        gate.samples = Some(Samples { query: Template::new("y").unwrap(), min: 50 });
        let with = |found: f64| Side { value: Ok(samples(9.0)), samples: Some(Ok(samples(found))) };
        let few = gate.judge(&with(49.9), None);
        assert_eq!(few.verdict, Verdict::NoData);
        assert_eq!(few.detail, "canary: 49 of at least 50 samples");
        let enough = gate.judge(&with(50.0), None);
        assert_eq!(enough.verdict, Verdict::Fail);
        assert_eq!(enough.detail, "canary 9 of 50 samples, limit 1");
    }
}
