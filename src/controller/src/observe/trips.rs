//! Whether some proxy has sent everyone to stable by itself.

use serin_document::metrics;
use serin_rollout::Trips;

use super::{names, three_scrapes};
use crate::gates::{Subject, whole};
use crate::metrics::{Sample, Selector, Source};

pub(super) fn selector(subject: &Subject) -> Selector {
    names::of_rollout(&[metrics::TRIPPED], &subject.metric_id)
}

/// Every proxy of the last three scrapes, with the newest of its values.
pub(super) async fn ask(source: &Source, subject: &Subject, at_ms: u64) -> Trips {
    let within = three_scrapes(source.scrape_interval());
    match source.last(&selector(subject), within, at_ms).await {
        Ok(samples) => read(&samples),
        Err(_) => Trips::Unknown,
    }
}

/// A proxy whose module has no tripwires shows none, and so has not tripped.
fn read(samples: &[Sample]) -> Trips {
    let watching = samples.len();
    match samples.iter().filter(|sample| whole(sample.point.value) > 0).count() {
        0 => Trips::None { watching },
        tripped => Trips::Tripped { tripped, watching },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Labels, Point};

    #[test]
    fn one_proxy_is_enough() {
        let sample = |value: &f64| Sample {
            labels: Labels::new(),
            point: Point { at_ms: 0, value: *value },
        };
        let trips = |values: &[f64]| read(&values.iter().map(sample).collect::<Vec<_>>());
        assert_eq!(trips(&[]), Trips::None { watching: 0 });
        assert_eq!(trips(&[0.0, 0.0]), Trips::None { watching: 2 });
        assert_eq!(trips(&[0.0, 1.0, 0.0]), Trips::Tripped { tripped: 1, watching: 3 });
    }
}
