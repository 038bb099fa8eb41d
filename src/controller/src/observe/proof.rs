//! Whether the published traffic is live at every proxy.

use serin_document::{Revision, metrics};
use serin_rollout::Proof;

use super::{names, three_scrapes};
use crate::gates::{Subject, whole};
use crate::metrics::{Sample, Selector, Source};

pub(super) fn selector(subject: &Subject) -> Selector {
    names::of_rollout(&[metrics::REVISION], &subject.metric_id)
}

/// Every proxy of the last three scrapes, with the newest of its values: that one is the smallest
/// among its workers.
pub(super) async fn ask(source: &Source, subject: &Subject, revision: u64, at_ms: u64) -> Proof {
    let within = three_scrapes(source.scrape_interval());
    match source.last(&selector(subject), within, at_ms).await {
        Ok(samples) => read(&samples, revision),
        Err(error) => Proof::Unknown { why: error.to_string() },
    }
}

fn read(samples: &[Sample], revision: u64) -> Proof {
    // Revisions stay below 2^53 and so are exact; a value that is no number is behind everything.
    let shown = |sample: &Sample| whole(sample.point.value);
    let range = samples.iter().map(shown).min().zip(samples.iter().map(shown).max());
    let Some((smallest, largest)) = range else {
        return Proof::Unseen;
    };
    if largest >= Revision::MAX.get() {
        let why = format!("a proxy shows revision {largest}, which none can follow: restart it");
        return Proof::Unknown { why };
    }
    let proxies = samples.len();
    if largest > revision {
        return Proof::Ahead { proxies, largest };
    }
    match samples.iter().filter(|sample| shown(sample) < revision).count() {
        0 => Proof::Live { proxies },
        behind => Proof::Behind { proxies, behind, smallest },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Labels, Point};

    const REVISION: u64 = 1_795_445_683_700;

    fn proof(values: &[f64]) -> Proof {
        let sample = |value: &f64| Sample {
            labels: Labels::new(),
            point: Point { at_ms: 0, value: *value },
        };
        read(&values.iter().map(sample).collect::<Vec<_>>(), REVISION)
    }

    #[test]
    fn every_proxy_has_to_show_the_revision() {
        assert_eq!(proof(&[1_795_445_683_700.0, 1_795_445_683_700.0]), Proof::Live { proxies: 2 });
        assert_eq!(
            proof(&[1_795_445_683_700.0, 1_795_445_683_699.0]),
            Proof::Behind { proxies: 2, behind: 1, smallest: REVISION - 1 }
        );
    }

    #[test]
    fn a_later_revision_is_not_ours() {
        let ahead = Proof::Ahead { proxies: 2, largest: REVISION + 1 };
        assert_eq!(proof(&[1_795_445_683_701.0, 1_795_445_683_699.0]), ahead);
        assert!(matches!(proof(&[9.1e15]), Proof::Unknown { .. }));
    }

    #[test]
    fn no_proxy_is_no_proof_and_no_number_is_behind() {
        assert_eq!(proof(&[]), Proof::Unseen);
        assert_eq!(proof(&[f64::NAN]), Proof::Behind { proxies: 1, behind: 1, smallest: 0 });
        assert_eq!(proof(&[0.0]), Proof::Behind { proxies: 1, behind: 1, smallest: 0 });
    }
}
