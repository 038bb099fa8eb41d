//! How many requests a router without the filter sent to each side, by its own counters.
//!
//! Where nobody marks requests each of them is drawn by the weights, and what was drawn is all that
//! there is to be seen of the weight.

use serin_assignment::{Variant, Weight};
use serin_judge::{Counts, Share, Split};
use serin_rollout::Proof;
use serin_routes::{Kind, Reference};

use super::requests::Placed;
use super::{millis, three_scrapes};
use crate::gates::{Subject, cluster_label, is_of_traefik, whole};
use crate::metrics::{Labels, Matcher, Selector, Series, Source, Text, growth};
use crate::release::Release;

/// What is left of a scrape in which the weight was changed, and one for a router that takes a change
/// over late.
const SETTLING_SCRAPES: u32 = 2;

/// How far back is looked: who went astray longer ago has been put right.
const LONGEST_MS: u64 = 3_600_000;

/// Traefik counts a service's requests once they have ended, Envoy a cluster's tries and Linkerd a
/// route's requests as they begin.
const TRAEFIK: &str = "traefik_service_requests_total";
const ENVOY: &str = "envoy_cluster_upstream_rq_total";
const LINKERD: &str = "outbound_http_route_backend_requests_total";

/// Linkerd's label of a backend's namespace.
const BACKEND_NAMESPACE: &str = "backend_namespace";

/// Envoy's labels of a cluster: its own, and Istio's, whose proxies take tags out of names by
/// expressions of their own.
const CLUSTER: [&str; 2] = ["envoy_cluster_name", "cluster_name"];

/// The labels of all of them by which the series of one process differ.
const OWN: [&str; 9] = [
    "__name__",
    "service",
    "code",
    "method",
    "protocol",
    "envoy_cluster_name",
    "cluster_name",
    "backend_name",
    BACKEND_NAMESPACE,
];

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
    metrics: Vec<&'static str>,
    /// The labels of which one names a side.
    names: Vec<Names>,
    /// What some of the series must carry besides.
    also: Vec<(&'static str, Vec<String>)>,
}

/// What a label says of both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Names {
    label: &'static str,
    stable: Name,
    canary: Name,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    name: String,
    /// Where the label [`BACKEND_NAMESPACE`] has to say so too.
    namespace: Option<String>,
}

impl Name {
    const fn plain(name: String) -> Self {
        Self { name, namespace: None }
    }

    fn is(&self, name: &str, labels: &Labels) -> bool {
        let is_there =
            |namespace| labels.get(BACKEND_NAMESPACE).is_some_and(|there| there == namespace);
        self.name == name && self.namespace.as_ref().is_none_or(is_there)
    }
}

impl Drawn {
    /// The counters of who may carry out a release's object; `None` where that does not draw each
    /// request, or nobody's counters are known.
    pub(super) fn of(release: &Release) -> Option<Self> {
        let objects = release.kubernetes.as_ref().filter(|objects| objects.draws())?;
        let mut drawn = Self::by_clusters(&release.subject());
        if objects.route.kind == Kind::HttpRoute {
            drawn.add_linkerds(&objects.route.name, &objects.reference, &release.namespace);
        }
        Some(drawn)
    }

    /// Those of Traefik where the release names its services, else Envoy's.
    fn by_clusters(subject: &Subject) -> Self {
        let Subject { stable_cluster: stable, canary_cluster: canary, .. } = subject;
        if is_of_traefik(stable) && is_of_traefik(canary) {
            let [stable, canary] = [stable, canary].map(|it| Name::plain(it.clone()));
            let names = Names { label: "service", stable, canary };
            Self { metrics: vec![TRAEFIK], names: vec![names], also: Vec::new() }
        } else {
            let (stable, canary) = (cluster_label(stable), cluster_label(canary));
            let names = CLUSTER.map(|label| {
                let [stable, canary] = [&stable, &canary].map(|it| Name::plain(it.clone()));
                Names { label, stable, canary }
            });
            Self { metrics: vec![ENVOY], names: names.into(), also: Vec::new() }
        }
    }

    /// Linkerd's of the route, by the Services that its backends are.
    fn add_linkerds(&mut self, route: &str, reference: &Reference, namespace: &str) {
        let service = |host: &str| {
            let mut words = host.split('.').map(str::to_owned);
            let name = words.next().unwrap_or_default();
            let namespace = words.next().unwrap_or_else(|| namespace.to_owned());
            Name { name, namespace: Some(namespace) }
        };
        let (stable, canary) = (service(&reference.stable.host), service(&reference.canary.host));
        let namespaces = [&stable, &canary].into_iter().filter_map(|it| it.namespace.clone());
        self.metrics.push(LINKERD);
        self.also.push((BACKEND_NAMESPACE, namespaces.collect()));
        self.names.push(Names { label: "backend_name", stable, canary });
        self.also.push(("route_name", vec![route.to_owned()]));
        self.also.push(("route_namespace", vec![namespace.to_owned()]));
    }

    pub(super) fn selector(&self) -> Selector {
        // A label that is absent is an empty one, and each metric has only its own.
        let or_none = |label: &str, texts: &[&str]| {
            Matcher::any_of(label, texts.iter().chain(&[""]).copied().map(Text::whole))
        };
        let names =
            self.names.iter().map(|it| or_none(it.label, &[&it.stable.name, &it.canary.name]));
        let also = self.also.iter().map(|(label, texts)| {
            or_none(label, &texts.iter().map(String::as_str).collect::<Vec<_>>())
        });
        Selector::of_any(self.metrics.iter().copied().map(Text::whole), names.chain(also))
    }

    pub(super) fn side(&self, labels: &Labels) -> Option<Variant> {
        self.names.iter().find_map(|names| {
            let name = labels.get(names.label)?;
            if names.canary.is(name, labels) {
                Some(Variant::Canary)
            } else if names.stable.is(name, labels) {
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

    /// Whether the share of the requests since the weight was written proves that it is live. Where all
    /// of that time says otherwise the newer half of it is asked, then the newer half of that: a router
    /// that took the weight over late is not to wait until that is out of sight.
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
        let mut of_all = None;
        for start_ms in starts(start_ms, at_ms, millis(three_scrapes(scrape))) {
            let proof = judge(self.since(source, start_ms, at_ms).await?, weights);
            if proof.is_live() {
                return Some(proof);
            }
            let says_otherwise = matches!(proof, Proof::OtherShare { .. });
            of_all.get_or_insert(proof);
            if !says_otherwise {
                break;
            }
        }
        of_all
    }
}

/// Where each of the times begins that end now, each half as long as the one before, and none but the
/// first shorter than `least_ms`.
fn starts(start_ms: u64, at_ms: u64, least_ms: u64) -> impl Iterator<Item = u64> {
    let halves = core::iter::successors(Some(at_ms.saturating_sub(start_ms)), |ms| Some(ms / 2));
    let longer = halves.skip(1).take_while(move |ms| *ms >= least_ms.max(1));
    core::iter::once(start_ms).chain(longer.map(move |ms| at_ms - ms))
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
/// that draws. Each shorter time that is asked gives chance another try; what it could pass off by that
/// is a share just below halfway, and never the weight below.
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

/// The canary's share of what both sides get where this share of stable's requests is copied to it.
/// Copies stray less from it than requests that are drawn would.
pub(super) fn copied(share: Weight) -> Weight {
    let (all, copies) = (u32::from(Weight::FULL.basis_points()), u32::from(share.basis_points()));
    // To the nearest hundredth of a percent: it is no weight that anybody has written.
    let parts = (copies * all + u32::midpoint(all, copies)) / (all + copies);
    u16::try_from(parts).ok().and_then(Weight::from_basis_points).unwrap_or(share)
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^53")]
fn split(placed: Placed) -> Split {
    let mut split = Split::default();
    let counts = Counts::try_new(placed.canary as f64, 0.0, placed.stable as f64, 0.0);
    split.absorb(&counts.unwrap_or(Counts::ZERO));
    split
}

#[cfg(test)]
mod tests;
