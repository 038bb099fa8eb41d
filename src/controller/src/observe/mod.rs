//! Looks at a release through its metrics: the part of an observation that they can tell.
//!
//! Every question has a file of its own, with the selector beside the pure function that reads the
//! samples, wherever they come from. All are asked at the same time and told as they are answered;
//! one without an answer says so, and none waits for another.

mod asking;
mod canary_traffic;
mod counting;
mod drawn;
mod endpoints;
mod names;
mod proof;
mod requests;
mod served;
mod survey;
mod trips;
mod weight_in_force;

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;
use serin_assignment::{Variant, Weight};
use serin_rollout::{Phase, Proof, State, Steps};
use tokio::sync::mpsc::UnboundedSender;

use crate::counts::{self, Ledger, Start};
use crate::engine::{NOT_SPLIT, Observe, Part, Question};
use crate::gates::{Gate, Moment, Subject};
use crate::metrics::{Source, now_ms};
use crate::prometheus::{Clients, SetupError};
use crate::release::Release;

pub(crate) use names::flat;
pub(crate) use requests::Placed;
pub(crate) use survey::{Proxy, survey};
pub use weight_in_force::WeightUnknown;

use asking::Asking;
use counting::Counting;
use drawn::{Drawn, Weights};

/// The eyes of one release.
#[derive(Debug)]
pub struct Observer {
    source: Source,
    subject: Subject,
    gates: Arc<[Gate]>,
    /// The names of the gates that judge mirrored requests.
    judging_mirror: Vec<String>,
    counting: Counting,
    asking: Asking,
    /// The release's part of the users, 0.0 to 1.0: of them the hash places.
    part: f64,
    /// Where each request is drawn by the weights alone, who counts them.
    drawn: Option<Drawn>,
    steps: Steps,
}

impl Observer {
    /// An observer for this release. Nothing is asked of a Prometheus yet; pages are read from now
    /// on.
    ///
    /// # Errors
    /// [`SetupError`] where a certificate or key for the metrics cannot be used.
    pub async fn new(release: &Release) -> Result<Self, SetupError> {
        Self::sharing(release, &Clients::default()).await
    }

    /// The same, with the client of whoever asks the same Prometheus.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub async fn sharing(release: &Release, clients: &Clients) -> Result<Self, SetupError> {
        let source = Source::sharing(release.metrics.clone(), clients).await?;
        let subject = release.subject();
        source.keep([
            endpoints::selector(&subject, Variant::Canary),
            endpoints::selector(&subject, Variant::Stable),
            proof::selector(&subject),
            requests::selector(&subject),
            served::selector(&subject),
            trips::selector(&subject),
            weight_in_force::selector(&subject),
        ]);
        for side in [Variant::Canary, Variant::Stable] {
            source.keep(canary_traffic::selectors(&subject, side));
        }
        let drawn = Drawn::of(release);
        source.keep(drawn.as_ref().map(Drawn::selector));
        let gates: Arc<[Gate]> = release.gates.clone().into();
        // What is read of a page and nobody asked for is forgotten: the counts from before the
        // rollout's start are needed to know what was counted since.
        let given = release.latency_bounds(&BTreeMap::new());
        let scrape_interval = source.scrape_interval();
        let ledger = Ledger::new(&gates, &subject, &given, scrape_interval, &Start::default());
        source.keep(ledger.selectors());
        source.keep(
            counting::from_stable(&gates)
                .filter_map(|(_, ratio)| counts::bounds_selector(ratio, &subject)),
        );
        let steps = release.plan.steps.clone();
        let part = steps.full().share();
        let (counting, asking) = (Counting::default(), Asking::new(release));
        let judging_mirror =
            release.plan.mirror.as_ref().map(|mirror| mirror.gates.clone()).unwrap_or_default();
        Ok(Self { source, subject, gates, judging_mirror, counting, asking, part, drawn, steps })
    }

    /// By the revision that proxies show, or, where none does and each request is drawn, by the share
    /// that was.
    async fn proof(&self, state: &State, at_ms: u64) -> Proof {
        let by_revision = proof::ask(&self.source, &self.subject, state.traffic.revision, at_ms);
        let by_revision = by_revision.await;
        let Some(drawn) = self.drawn.as_ref().filter(|_| by_revision == Proof::Unseen) else {
            return by_revision;
        };
        let now = match state.traffic.mirror {
            Some(share) => drawn::copied(share),
            None => state.traffic.weight,
        };
        let lower = self.steps.iter().map(|step| step.weight).filter(|weight| *weight < now);
        let below = lower.last().filter(|_| !state.mirrors()).unwrap_or(Weight::ZERO);
        let weights = Weights { now, below };
        let by_share = drawn.proof(&self.source, weights, state.traffic_since_ms, at_ms).await;
        by_share.unwrap_or(by_revision)
    }

    /// The requests of both sides since the step's clock started, and the canary's share to compare
    /// with the weight.
    async fn requests(&self, state: &State, at_ms: u64) -> (Option<Placed>, Option<f64>) {
        // Copies are nobody's requests to the canary.
        if state.mirrors() {
            return (None, None);
        }
        let placed = requests::ask(&self.source, &self.subject, state.clock, at_ms).await;
        match (placed, &self.drawn, state.clock) {
            (None, Some(drawn), Some(clock)) => {
                let placed = drawn.since(&self.source, clock.started_ms, at_ms).await;
                (placed, placed.and_then(Placed::share))
            }
            _ => (placed, placed.and_then(Placed::share).map(|share| share * self.part)),
        }
    }

    /// Tells every part of what is to be seen as of `at_ms` (milliseconds since 1970).
    pub async fn observe_at(&self, question: &Question, at_ms: u64, tell: &UnboundedSender<Part>) {
        let state = &question.state;
        // Nobody listens any more where the pass was decided without the rest.
        let tell = |part| drop(tell.send(part));
        let (source, subject) = (&self.source, &self.subject);
        let moment = Moment {
            at_ms,
            exposed_since_ms: state.exposed_since_ms.or_else(|| mirrored_since(state)),
            weight: state.traffic.weight,
        };
        for reading in self.asking.readings(state, at_ms) {
            tell(Part::Gate(reading));
        }
        // Only Prometheus answers queries in its own language; no release asks anybody else.
        let asked = source.prometheus().into_iter().flat_map(|client| {
            self.gates.iter().map(move |gate| async move {
                let reading = if state.mirrors() && !self.judging_mirror.contains(&gate.name) {
                    gate.says_nothing(at_ms, NOT_SPLIT)
                } else {
                    gate.read(client, subject, &moment).await
                };
                if let Some(reading) = reading {
                    tell(Part::Gate(reading));
                }
            })
        });
        let gates = join_all(asked);
        let proof = async {
            tell(Part::Proof(self.proof(state, at_ms).await));
        };
        let requests = async {
            let (placed, share) = self.requests(state, at_ms).await;
            tell(Part::CanaryRequests(placed.map(|placed| placed.canary)));
            tell(Part::ObservedShare(share));
        };
        let traffic = async {
            let (everyone, since_ms) = (state.traffic.everyone, state.traffic_since_ms);
            let side = if everyone { Variant::Stable } else { Variant::Canary };
            let emptying = matches!(state.phase, Phase::RollingBack | Phase::Promoting);
            let asked = (side, since_ms, emptying);
            let drawn = self.drawn.as_ref();
            let traffic = canary_traffic::ask(source, subject, drawn, asked, at_ms).await;
            tell(Part::CanaryTraffic(traffic));
        };
        let canary = async {
            tell(Part::Canary(endpoints::ask(source, subject, Variant::Canary, at_ms).await));
        };
        let stable = async {
            tell(Part::Stable(endpoints::ask(source, subject, Variant::Stable, at_ms).await));
        };
        let served = async {
            tell(Part::Served(served::ask(source, subject, at_ms).await));
        };
        let trips = async {
            tell(Part::Trips(trips::ask(source, subject, at_ms).await));
        };
        let of = (&*self.gates, subject);
        let counts = async {
            let answer = self.counting.ask(source, of, question, at_ms).await;
            tell(Part::Counts(answer.counts));
            if let Some(capped) = answer.evidence_capped {
                tell(Part::EvidenceCapped(capped));
            }
        };
        let bounds = async {
            if let Some(bounds) = counting::bounds(source, of, &question.bounds, at_ms).await {
                tell(Part::Bounds(bounds));
            }
        };
        tokio::join!(
            gates, proof, requests, traffic, canary, stable, served, trips, counts, bounds
        );
    }

    /// The canary's share that proxies showed last within five minutes, the highest where they
    /// differ; `None` where there are proxies and none shows any.
    ///
    /// # Errors
    /// [`WeightUnknown`] where it could not be asked or no proxy was seen: then nobody knows, which
    /// is not "none".
    pub async fn weight_in_force_at(&self, at_ms: u64) -> Result<Option<Weight>, WeightUnknown> {
        weight_in_force::ask(&self.source, &self.subject, at_ms).await
    }
}

impl Observe for Observer {
    async fn weight_in_force(&self) -> Result<Option<Weight>, String> {
        self.weight_in_force_at(now_ms()).await.map_err(|error| error.to_string())
    }

    async fn observe(&self, question: Question, tell: UnboundedSender<Part>) {
        self.observe_at(&question, now_ms(), &tell).await;
    }
}

/// Since when the canary has got copies of requests, as far as proxies are proved to send some.
fn mirrored_since(state: &State) -> Option<u64> {
    state.clock.filter(|_| state.mirrors()).map(|clock| clock.started_ms)
}

/// The time that holds the last three scrapes of every proxy: half an interval more, since scrapes
/// do not fall on the question.
fn three_scrapes(scrape_interval: Duration) -> Duration {
    scrape_interval * 3 + scrape_interval / 2
}

/// A duration in the unit of samples.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
