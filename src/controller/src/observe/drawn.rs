//! How many requests a router without the filter sent to each side, by its own counters.
//!
//! Where nobody marks requests each of them is drawn by the weights, and what was drawn is all that
//! there is to be seen of the weight.

use serin_assignment::{Variant, Weight};
use serin_judge::{Counts, Share, Split};
use serin_rollout::Proof;

use super::requests::Placed;
use super::{millis, three_scrapes};
use crate::gates::{Subject, cluster_label, is_of_traefik, whole};
use crate::metrics::{Labels, Matcher, Selector, Series, Source, Text, growth};

/// What is left of a scrape in which the weight was changed, and one for a router that takes a change
/// over late.
const SETTLING_SCRAPES: u32 = 2;

/// How far back is looked: who went astray longer ago has been put right.
const LONGEST_MS: u64 = 3_600_000;

/// Traefik counts a service's requests once they have ended; Envoy a cluster's tries as they begin.
const TRAEFIK: &str = "traefik_service_requests_total";
const ENVOY: &str = "envoy_cluster_upstream_rq_total";

/// Traefik's label of a service.
const SERVICE: [&str; 1] = ["service"];
/// Envoy's labels of a cluster: its own, and Istio's, whose proxies take tags out of names by
/// expressions of their own.
const CLUSTER: [&str; 2] = ["envoy_cluster_name", "cluster_name"];

/// The labels of both by which the series of one process differ.
const OWN: [&str; 7] =
    ["__name__", "service", "code", "method", "protocol", "envoy_cluster_name", "cluster_name"];

/// The weights that a share is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Weights {
    /// The one that is to be live.
    pub(super) now: Weight,
    /// The highest of the plan's below it, or none at all.
    pub(super) below: Weight,
}

/// The counters of both sides, under the names that the router gives them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Drawn {
    metric: &'static str,
    /// Those that may name a side.
    labels: &'static [&'static str],
    stable: String,
    canary: String,
}

impl Drawn {
    /// Those of Traefik where the release names its services, else Envoy's.
    pub(super) fn of(subject: &Subject) -> Self {
        let Subject { stable_cluster: stable, canary_cluster: canary, .. } = subject;
        if is_of_traefik(stable) && is_of_traefik(canary) {
            let (stable, canary) = (stable.clone(), canary.clone());
            Self { metric: TRAEFIK, labels: &SERVICE, stable, canary }
        } else {
            let (stable, canary) = (cluster_label(stable), cluster_label(canary));
            Self { metric: ENVOY, labels: &CLUSTER, stable, canary }
        }
    }

    pub(super) fn selector(&self) -> Selector {
        // A label that is absent is an empty one.
        let named = |label: &&str| {
            let names = [self.stable.as_str(), self.canary.as_str(), ""].map(Text::whole);
            Matcher::any_of(label, names)
        };
        Selector::of(self.metric, self.labels.iter().map(named))
    }

    pub(super) fn side(&self, labels: &Labels) -> Option<Variant> {
        let mut names = self.labels.iter().filter_map(|label| labels.get(*label));
        names.find_map(|name| {
            if *name == self.canary {
                Some(Variant::Canary)
            } else if *name == self.stable {
                Some(Variant::Stable)
            } else {
                None
            }
        })
    }

    /// The requests from `start_ms` on; `None` where nobody counts them or can tell.
    pub(super) async fn since(&self, source: &Source, start_ms: u64, at_ms: u64) -> Option<Placed> {
        let from_ms = start_ms.saturating_sub(millis(three_scrapes(source.scrape_interval())));
        let series = source.thinned(&self.selector(), from_ms, at_ms).await.ok()?;
        if series.is_empty() { None } else { Some(self.read(&series, start_ms)) }
    }

    fn read(&self, series: &[Series], start_ms: u64) -> Placed {
        let mut placed = Placed::default();
        for (one, grown) in series.iter().zip(growth(series, start_ms, &OWN)) {
            match self.side(&one.labels) {
                Some(Variant::Canary) => placed.canary += whole(grown),
                Some(Variant::Stable) => placed.stable += whole(grown),
                None => {}
            }
        }
        placed
    }

    /// Whether the share of the requests since the weight was written proves that it is live.
    pub(super) async fn proof(
        &self,
        source: &Source,
        weights: Weights,
        since_ms: u64,
        at_ms: u64,
    ) -> Option<Proof> {
        let scrape = source.scrape_interval();
        // Where nobody is to be sent to the canary one request is too many, for as long as it is in
        // sight.
        let longest =
            if weights.now.is_zero() { millis(three_scrapes(scrape)) } else { LONGEST_MS };
        let start_ms = since_ms
            .saturating_add(millis(scrape * SETTLING_SCRAPES))
            .max(at_ms.saturating_sub(longest));
        let placed = self.since(source, start_ms, at_ms).await?;
        Some(judge(placed, weights))
    }
}

/// Whether a canary's share of requests proves that a weight is live.
///
/// It does where two questions are answered, each by the judge's check of a split, an e-process of
/// which chance makes a thousandfold at most once in a thousand weights, however often it is looked at
/// (Ville's inequality): there is no such evidence against the weight itself, and there is against the
/// share halfway to the weight below, so that more than half of the requests are drawn by the new one.
/// For a first weight of 5 % that takes some 1,200 requests, for 10 % some 740.
///
/// A router that deals requests out in turn, as Traefik does, strays less from the weight than one
/// that draws.
fn judge(placed: Placed, weights: Weights) -> Proof {
    let Placed { canary, stable } = placed;
    let requests = canary + stable;
    let other = Proof::OtherShare { canary, requests };
    let live = Proof::Share { canary, requests };
    let Weights { now, below } = weights;
    let few = || Proof::Unknown {
        why: format!(
            "no proxy shows this rollout, and of {requests} requests {canary} went to the canary, too \
             few to tell {now} from {below}"
        ),
    };
    if requests == 0 {
        return few();
    }
    if now.is_zero() {
        return if canary == 0 { live } else { other };
    }
    let split = split(placed);
    // At 100 % whoever is on stable came by another way, or by the weight before.
    let wrong = match Share::try_new(now.share()) {
        Ok(share) => split.is_mismatch(share),
        Err(_) => stable > 0,
    };
    if wrong {
        return other;
    }
    let halfway = f64::midpoint(now.share(), below.share());
    let above = placed.share().is_some_and(|share| share > halfway);
    match Share::try_new(halfway) {
        Ok(halfway) if above && split.is_mismatch(halfway) => live,
        Ok(_) | Err(_) => few(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^53")]
fn split(placed: Placed) -> Split {
    let mut split = Split::default();
    let counts = Counts::try_new(placed.canary as f64, 0.0, placed.stable as f64, 0.0);
    split.absorb(&counts.unwrap_or(Counts::ZERO));
    split
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Point;

    fn weight(text: &str) -> Weight {
        text.parse().unwrap()
    }

    fn judged(canary: u64, stable: u64, now: &str, below: &str) -> Proof {
        judge(Placed { canary, stable }, Weights { now: weight(now), below: weight(below) })
    }

    fn is_other(proof: &Proof) -> bool {
        matches!(proof, Proof::OtherShare { .. })
    }

    #[test]
    fn a_share_like_the_weight_is_a_proof_once_it_is_told_from_the_weight_below() {
        assert!(judged(75, 1_425, "5%", "0%").is_live());
        assert!(matches!(judged(20, 380, "5%", "0%"), Proof::Unknown { .. }));
        assert!(judged(500, 500, "50%", "10%").is_live());
        assert!(judged(300, 0, "100%", "50%").is_live());
        let Proof::Unknown { why } = judged(20, 380, "5%", "0%") else { panic!() };
        assert!(why.ends_with("20 went to the canary, too few to tell 5% from 0%"), "{why}");
    }

    #[test]
    fn a_share_that_only_some_proxies_draw_by_the_weight_is_none() {
        // One of two has it.
        assert!(!judged(300, 700, "50%", "10%").is_live());
        assert!(is_other(&judged(3_000, 7_000, "50%", "10%")));
        // None has it.
        assert!(is_other(&judged(0, 2_000, "5%", "0%")));
        assert!(is_other(&judged(100, 900, "50%", "10%")));
        assert!(is_other(&judged(299, 1, "100%", "50%")));
    }

    #[test]
    fn at_no_weight_one_request_is_too_many_and_none_at_all_is_no_proof() {
        assert!(judged(0, 1, "0%", "0%").is_live());
        assert!(is_other(&judged(1, 10_000, "0%", "0%")));
        assert!(matches!(judged(0, 0, "0%", "0%"), Proof::Unknown { .. }));
        assert!(matches!(judged(0, 0, "100%", "50%"), Proof::Unknown { .. }));
    }

    #[test]
    fn chance_says_otherwise_of_a_live_weight_at_most_once_in_a_thousand_weights() {
        let (mut wrong, mut state) = (0, 1_u64);
        for _ in 0..2_000 {
            let mut placed = Placed::default();
            let mut stray = false;
            for request in 1..=2_000 {
                // Knuth's generator; its high bits are as good as drawn.
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                if (state >> 33) % 20 == 0 {
                    placed.canary += 1;
                } else {
                    placed.stable += 1;
                }
                let weights = Weights { now: weight("5%"), below: weight("0%") };
                stray |= request % 100 == 0 && is_other(&judge(placed, weights));
            }
            wrong += u32::from(stray);
        }
        assert!(wrong <= 6, "{wrong} of 2,000, where two are to be expected at most");
    }

    #[test]
    fn both_sides_are_found_by_the_names_that_the_router_gives_them() {
        let of = |stable: &str, canary: &str| {
            Drawn::of(&Subject {
                metric_id: "a".to_owned(),
                stable_cluster: stable.to_owned(),
                canary_cluster: canary.to_owned(),
            })
        };
        let series = |labels: &[(&str, &str)], points: &[(u64, f64)]| Series {
            labels: labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            points: points
                .iter()
                .map(|(at_ms, value)| Point { at_ms: *at_ms, value: *value })
                .collect(),
        };
        let traefik = of("shop-web-80@kubernetescrd", "shop-new-80@kubernetescrd");
        let of_service = |service, code, points: &[(u64, f64)]| {
            let labels = [("__name__", TRAEFIK), ("service", service), ("code", code)];
            series(&labels, points)
        };
        let all = [
            of_service("shop-web-80@kubernetescrd", "200", &[(0, 5.0), (10, 25.0)]),
            of_service("shop-new-80@kubernetescrd", "200", &[(0, 5.0), (10, 6.0)]),
            // Born while the process was in sight.
            of_service("shop-new-80@kubernetescrd", "500", &[(10, 3.0)]),
            of_service("shop-other-80@kubernetescrd", "200", &[(0, 5.0), (10, 90.0)]),
        ];
        assert_eq!(traefik.read(&all, 0), Placed { canary: 4, stable: 20 });
        assert!(all.iter().take(3).all(|one| traefik.selector().matches(&one.labels)));
        let envoy = of("outbound|80||web.shop.svc", "outbound|80||new.shop.svc");
        for label in CLUSTER {
            let labels = [("__name__", ENVOY), (label, "outbound|80||new.shop.svc")];
            let one = series(&labels, &[(0, 1.0), (10, 8.0)]);
            assert!(envoy.selector().matches(&one.labels));
            assert_eq!(envoy.read(&[one], 0), Placed { canary: 7, stable: 0 });
        }
    }
}
