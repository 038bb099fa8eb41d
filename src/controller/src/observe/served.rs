//! Whether those who are marked for the canary are served by it.

use serin_assignment::Variant;
use serin_document::metrics;
use serin_rollout::Served;

use super::{millis, names, three_scrapes};
use crate::gates::{Subject, whole};
use crate::metrics::{Selector, Series, Source, growth};

/// More of them than this share are a mismatch: a few arrive while a proxy takes a new route.
const MOST_SHARE: f64 = 0.02;

/// Not more of them than this are none, whatever their share: so many are on their way at once.
const MOST_REQUESTS: u64 = 50;

/// The revision is there before the first request, and so is a witness that a counter was born
/// later.
pub(super) fn selector(subject: &Subject) -> Selector {
    names::of_rollout(&[metrics::SERVED, metrics::REVISION], &subject.metric_id)
}

/// Who served the requests of the last three scrapes that were marked canary and reached one of
/// the two sides.
pub(super) async fn ask(source: &Source, subject: &Subject, at_ms: u64) -> Served {
    let within = three_scrapes(source.scrape_interval());
    let start_ms = at_ms.saturating_sub(millis(within));
    // What was there before is told from what was born since.
    let from_ms = start_ms.saturating_sub(millis(within));
    match source.samples(&selector(subject), from_ms, at_ms).await {
        Ok(series) => read(&series, start_ms),
        Err(_) => Served::Unknown,
    }
}

fn read(series: &[Series], start_ms: u64) -> Served {
    let own = ["__name__", metrics::VARIANT, metrics::SERVED_BY];
    let (mut canary, mut stable) = (0, 0);
    for (one, grown) in series.iter().zip(growth(series, start_ms, &own)) {
        let is_by = |side: Variant| {
            let tags =
                [(metrics::VARIANT, Variant::Canary.as_str()), (metrics::SERVED_BY, side.as_str())];
            names::carries(&one.labels, metrics::SERVED, &tags)
        };
        if is_by(Variant::Canary) {
            canary += whole(grown);
        } else if is_by(Variant::Stable) {
            stable += whole(grown);
        }
    }
    verdict(canary, stable)
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^53")]
fn verdict(canary: u64, stable: u64) -> Served {
    let all = canary + stable;
    if all == 0 {
        Served::Unknown
    } else if stable > MOST_REQUESTS && stable as f64 > MOST_SHARE * all as f64 {
        let why = format!("{stable} of {all} requests marked canary were served by stable");
        Served::Mismatch { why }
    } else {
        Served::Fine
    }
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

    fn counted(variant: &str, served: &str, points: &[(u64, f64)]) -> Series {
        let name = ("__name__", metrics::SERVED);
        series(&[name, ("id", "a"), ("variant", variant), ("served", served)], points)
    }

    #[test]
    fn only_what_is_marked_canary_and_reached_a_side_counts() {
        let points = [(10, 100.0), (20, 200.0)];
        let mut all = vec![
            counted("canary", "canary", &points),
            counted("canary", "none", &[(10, 0.0), (20, 9000.0)]),
            counted("stable", "stable", &[(10, 0.0), (20, 9000.0)]),
            counted("stable", "canary", &points),
        ];
        assert_eq!(read(&all, 0), Served::Fine);
        all.push(counted("canary", "stable", &points));
        let why = "100 of 200 requests marked canary were served by stable".to_owned();
        assert_eq!(read(&all, 0), Served::Mismatch { why });
        assert_eq!(read(&all, 15), Served::Unknown, "nothing since");
    }

    #[test]
    fn names_with_their_tags_are_read_too() {
        let name = "serin_served_id___a___rollout___shop_a___variant___canary___served___stable___";
        let born = series(&[("__name__", name)], &[(20, 60.0)]);
        let revision = series(&[("__name__", metrics::REVISION), ("id", "a")], &[(10, 9.0)]);
        let mut flat_revision = revision.clone();
        flat_revision.labels.remove("id");
        let why = "60 of 60 requests marked canary were served by stable".to_owned();
        assert_eq!(read(&[flat_revision, born], 5), Served::Mismatch { why });
    }

    #[test]
    fn a_few_are_no_mismatch() {
        for (canary, stable, fine) in
            [(0, 50, true), (0, 51, false), (2499, 51, true), (2498, 51, false), (100, 0, true)]
        {
            let served = verdict(canary, stable);
            assert_eq!(served == Served::Fine, fine, "{canary} {stable}");
        }
        assert_eq!(verdict(0, 0), Served::Unknown);
    }
}
