//! How many requests the hash (or the draw, for new and anonymous ones) placed on each side since the
//! step's clock started.

use serin_assignment::Variant;
use serin_document::{Reason, metrics};
use serin_rollout::StepClock;

use super::{millis, names};
use crate::gates::{Subject, whole};
use crate::metrics::{Selector, Series, Source, growth};

/// How far before the clock's start samples are asked for, in scrapes: what was there already is
/// told from what was born since.
const SCRAPES_BEFORE: u32 = 2;

/// Requests that count as evidence: testers, pinned users and the like differ from the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Placed {
    /// On the canary.
    pub(crate) canary: u64,
    /// On stable.
    pub(crate) stable: u64,
}

impl Placed {
    /// The canary's share, 0.0 to 1.0; `None` of nothing.
    #[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^53")]
    pub(super) fn share(self) -> Option<f64> {
        let all = self.canary + self.stable;
        if all == 0 { None } else { Some(self.canary as f64 / all as f64) }
    }
}

/// The revision is there before the first assignment, and so is a witness that a counter was born
/// later.
pub(super) fn selector(subject: &Subject) -> Selector {
    names::of_rollout(&[metrics::ASSIGNMENTS, metrics::REVISION], &subject.metric_id)
}

/// `None` before the clock has started and where nobody can tell.
pub(super) async fn ask(
    source: &Source,
    subject: &Subject,
    clock: Option<StepClock>,
    at_ms: u64,
) -> Option<Placed> {
    let start_ms = clock?.started_ms;
    if start_ms > at_ms {
        return None;
    }
    let scrape = source.scrape_interval();
    let from_ms = start_ms.saturating_sub(millis(scrape * SCRAPES_BEFORE + scrape / 2));
    let series = source.thinned(&selector(subject), from_ms, at_ms).await.ok()?;
    if series.is_empty() { None } else { Some(read(&series, start_ms)) }
}

fn read(series: &[Series], start_ms: u64) -> Placed {
    let own = ["__name__", metrics::VARIANT, metrics::REASON];
    let mut placed = Placed::default();
    for (one, grown) in series.iter().zip(growth(series, start_ms, &own)) {
        match side(one) {
            Some(Variant::Canary) => placed.canary += whole(grown),
            Some(Variant::Stable) => placed.stable += whole(grown),
            None => {}
        }
    }
    placed
}

/// The side of a series that counts as evidence.
fn side(series: &Series) -> Option<Variant> {
    [Variant::Canary, Variant::Stable].into_iter().find(|side| {
        Reason::ALL.into_iter().filter(|reason| reason.is_evidence()).any(|reason| {
            let tags = [(metrics::VARIANT, side.as_str()), (metrics::REASON, reason.as_str())];
            names::carries(&series.labels, metrics::ASSIGNMENTS, &tags)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Point;

    fn series(labels: &[(&str, &str)], points: &[(u64, f64)]) -> Series {
        Series {
            labels: labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            points: points
                .iter()
                .map(|(at_ms, value)| Point { at_ms: *at_ms, value: *value })
                .collect(),
        }
    }

    fn counted(variant: &str, reason: &str, points: &[(u64, f64)]) -> Series {
        let name = ("__name__", "serin_assignments");
        series(&[name, ("id", "a"), ("variant", variant), ("reason", reason)], points)
    }

    #[test]
    fn only_what_the_hash_or_the_draw_placed_counts() {
        let points = [(0, 0.0), (10, 8.0)];
        let all = [
            counted("canary", "hash", &points),
            counted("canary", "random", &points),
            counted("canary", "new-id", &points),
            counted("canary", "opt-in", &points),
            counted("stable", "hash", &points),
            counted("stable", "anonymous", &points),
            counted("none", "no-request-id", &points),
        ];
        let placed = read(&all, 0);
        assert_eq!(placed, Placed { canary: 24, stable: 8 });
        assert_eq!(placed.share(), Some(24.0 / 32.0));
        assert_eq!(Placed::default().share(), None);
    }

    #[test]
    fn names_with_their_tags_are_read_too() {
        let name =
            "serin_assignments_id___a___rollout___shop_a___variant___canary___reason___hash___";
        let flat = series(&[("__name__", name)], &[(0, 1.0), (10, 5.0)]);
        assert_eq!(read(&[flat], 0), Placed { canary: 4, stable: 0 });
    }

    #[test]
    fn the_first_request_counts_when_the_proxy_was_there_before() {
        let revision =
            series(&[("__name__", metrics::REVISION), ("id", "a")], &[(0, 9.0), (10, 9.0)]);
        let born = counted("canary", "hash", &[(10, 3.0)]);
        assert_eq!(read(&[revision, born], 0), Placed { canary: 3, stable: 0 });
    }
}
