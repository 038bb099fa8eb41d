//! What is known of the world in a pass, as its parts come in.

use core::time::Duration;
use std::collections::BTreeMap;

use serin_assignment::Weight;
use serin_rollout::{
    CanaryTraffic, Capacity, Command, Endpoints, GateReading, MirrorsSeen, Observation, Proof,
    RouteSeen, Served, StableRuns, State, Templates, Trips, Verdict, Version,
};
use tokio::sync::mpsc::UnboundedSender;

use super::bounds::Chosen;
use super::gathering::News;
use super::judged::Counts;
use super::pending::Pending;

/// What is asked of who looks.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Where the rollout is.
    pub state: State,
    /// Up to when each ratio gate's counts are known, in milliseconds since 1970; a gate that is
    /// missing is counted from the rollout's start.
    pub cuts: BTreeMap<String, u64>,
    /// The bounds in force of the latency gates that have them chosen from stable.
    pub bounds: BTreeMap<String, Vec<Duration>>,
}

/// Who looks at the world for one release.
pub trait Observe: Send + Sync + 'static {
    /// The canary's share that proxies have at present; `None` where no proxy shows any. Asked
    /// only where no state was stored.
    ///
    /// # Errors
    /// Why it could not be asked, for people.
    fn weight_in_force(&self) -> impl Future<Output = Result<Option<Weight>, String>> + Send;

    /// Whether stable runs already what the release names, so that there is nothing to roll out. Asked
    /// only where no state was stored.
    fn is_rolled_out(&self) -> bool {
        false
    }

    /// Looks at all that matters and tells each part as soon as it is known. What was counted is
    /// told again until the cuts say that it is known.
    fn observe(
        &self,
        question: Question,
        tell: UnboundedSender<Part>,
    ) -> impl Future<Output = ()> + Send;
}

/// One answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Whether the traffic that the state holds is live.
    Proof(Proof),
    /// The reading of a gate that asks by itself.
    Gate(GateReading),
    /// What was counted for the ratio gates.
    Counts(Counts),
    /// Bounds for the latency gates that have none yet, or why there are none.
    Bounds(Chosen),
    /// Requests that the canary served since the step's clock started.
    CanaryRequests(Option<u64>),
    /// The canary's share of the requests that the hash placed since then, 0.0 to 1.0; times the
    /// release's part of the users, to compare with the weight.
    ObservedShare(Option<f64>),
    /// The canary's endpoints.
    Canary(Endpoints),
    /// Stable's endpoints.
    Stable(Endpoints),
    /// Requests that reach the side that is to be empty at present.
    CanaryTraffic(CanaryTraffic),
    /// Whether marked requests are served by the side that their mark names.
    Served(Served),
    /// Whether some proxy has sent everyone to stable by itself.
    Trips(Trips),
    /// Whether proxies keep some of the release's counts to themselves, as they have too many names.
    EvidenceCapped(bool),
    /// How the route stands, compared with what was last written for the traffic that the state
    /// holds.
    Route(RouteSeen),
    /// What the route mirrors, of a release that may have it mirror to the canary.
    Mirrors(MirrorsSeen),
    /// Whether replicas suffice for the next weight.
    Capacity(Capacity),
    /// What stable runs, compared with the version that the state holds.
    StableRuns(StableRuns),
    /// What the sides are told to run.
    Templates(Templates),
}

impl Part {
    pub(super) const fn news(&self) -> News {
        match self {
            Self::Gate(GateReading { verdict: Verdict::Fail, .. }) => News::Harm,
            Self::Counts(_) => News::Counts,
            _ => News::Plain,
        }
    }
}

/// The parts that are known.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Seen {
    proof: Option<Proof>,
    gates: BTreeMap<String, GateReading>,
    counts: Option<Counts>,
    bounds: Option<Chosen>,
    canary_requests: Option<u64>,
    observed_share: Option<f64>,
    canary: Option<Endpoints>,
    stable: Option<Endpoints>,
    canary_traffic: Option<CanaryTraffic>,
    served: Option<Served>,
    trips: Option<Trips>,
    evidence_capped: Option<bool>,
    route: Option<RouteSeen>,
    mirrors: Option<MirrorsSeen>,
    capacity: Option<Capacity>,
    stable_runs: Option<StableRuns>,
    templates: Option<Templates>,
}

/// What an observation is about. One made for other traffic or another clock proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subject {
    revision: u64,
    clock_started_ms: Option<u64>,
    restoring: bool,
}

impl Subject {
    pub(super) fn of(state: &State) -> Self {
        Self {
            revision: state.traffic.revision,
            clock_started_ms: state.clock.map(|clock| clock.started_ms),
            restoring: state.restoring,
        }
    }
}

impl Seen {
    pub(super) fn take(&mut self, part: Part) {
        match part {
            Part::Proof(proof) => self.proof = Some(proof),
            Part::Gate(reading) => {
                self.gates.insert(reading.gate.clone(), reading);
            }
            Part::Counts(counts) => self.counts = Some(counts),
            Part::Bounds(bounds) => self.bounds = Some(bounds),
            Part::CanaryRequests(count) => self.canary_requests = count,
            Part::ObservedShare(share) => self.observed_share = share,
            Part::Canary(endpoints) => self.canary = Some(endpoints),
            Part::Stable(endpoints) => self.stable = Some(endpoints),
            Part::CanaryTraffic(traffic) => self.canary_traffic = Some(traffic),
            Part::Served(served) => self.served = Some(served),
            Part::Trips(trips) => self.trips = Some(trips),
            Part::EvidenceCapped(capped) => self.evidence_capped = Some(capped),
            Part::Route(route) => self.route = Some(route),
            Part::Mirrors(mirrors) => self.mirrors = Some(mirrors),
            Part::Capacity(capacity) => self.capacity = Some(capacity),
            Part::StableRuns(runs) => self.stable_runs = Some(runs),
            Part::Templates(templates) => self.templates = Some(templates),
        }
    }

    /// This, with the older answers where there is none yet.
    pub(super) fn or(&self, older: &Self) -> Self {
        let mut gates = older.gates.clone();
        gates.extend(self.gates.clone());
        Self {
            proof: self.proof.clone().or_else(|| older.proof.clone()),
            gates,
            counts: self.counts.clone().or_else(|| older.counts.clone()),
            bounds: self.bounds.clone().or_else(|| older.bounds.clone()),
            canary_requests: self.canary_requests.or(older.canary_requests),
            observed_share: self.observed_share.or(older.observed_share),
            canary: self.canary.or(older.canary),
            stable: self.stable.or(older.stable),
            canary_traffic: self.canary_traffic.or(older.canary_traffic),
            served: self.served.clone().or_else(|| older.served.clone()),
            trips: self.trips.or(older.trips),
            evidence_capped: self.evidence_capped.or(older.evidence_capped),
            route: self.route.clone().or_else(|| older.route.clone()),
            mirrors: self.mirrors.clone().or_else(|| older.mirrors.clone()),
            capacity: self.capacity.clone().or_else(|| older.capacity.clone()),
            stable_runs: self.stable_runs.or(older.stable_runs),
            templates: self.templates.clone().or_else(|| older.templates.clone()),
        }
    }

    pub(super) const fn proof(&self) -> Option<&Proof> {
        self.proof.as_ref()
    }

    pub(super) const fn counts(&self) -> Option<&Counts> {
        self.counts.as_ref()
    }

    pub(super) const fn bounds(&self) -> Option<&Chosen> {
        self.bounds.as_ref()
    }

    pub(super) fn trips(&self) -> Trips {
        self.trips.unwrap_or_default()
    }

    pub(super) fn evidence_capped(&self) -> bool {
        self.evidence_capped == Some(true)
    }

    pub(super) const fn canary_requests(&self) -> Option<u64> {
        self.canary_requests
    }

    pub(super) const fn observed_share(&self) -> Option<f64> {
        self.observed_share
    }

    /// The observation, in which what is not known is said to be unknown. A gate without a reading
    /// counts as broken by the rules of `decide`. What follows from counts is not in it yet.
    pub(super) fn observation(&self, version: Version, command: Option<Command>) -> Observation {
        let unknown = || Proof::Unknown { why: "Prometheus has not answered yet".to_owned() };
        Observation {
            version,
            command,
            proof: self.proof.clone().unwrap_or_else(unknown),
            gates: self.gates.values().cloned().collect(),
            canary_requests: self.canary_requests(),
            detectable: None,
            preparing: None,
            canary: self.canary.unwrap_or(Endpoints::Unknown),
            stable: self.stable.unwrap_or(Endpoints::Unknown),
            canary_traffic: self.canary_traffic.unwrap_or(CanaryTraffic::Unknown),
            served: self.served.clone().unwrap_or_default(),
            trips: self.trips(),
            // With files there are none of these; `serin approve` says what stable runs.
            route: RouteSeen::NotApplicable,
            mirrors: MirrorsSeen::NotApplicable,
            capacity: Capacity::NotApplicable,
            stable_runs: StableRuns::NotApplicable,
            templates: None,
        }
    }

    /// Whether the canary's pods are the controller's matter.
    pub(super) fn scales(&self) -> bool {
        self.capacity.as_ref().is_some_and(|capacity| *capacity != Capacity::NotApplicable)
    }

    /// Adds what is seen of the cluster, where a release runs on one: what is not known is unknown
    /// there.
    pub(super) fn surround(&self, observation: &mut Observation, pending: Option<Pending<'_>>) {
        let why = || "the API server has not answered yet".to_owned();
        let route = self.route.clone().unwrap_or_else(|| RouteSeen::Unknown { why: why() });
        observation.route = match pending {
            Some(pending) => pending.sees(route),
            None => route,
        };
        observation.mirrors = self.mirrors.clone().unwrap_or_default();
        let capacity = self.capacity.clone();
        observation.capacity = capacity.unwrap_or_else(|| Capacity::Unknown { why: why() });
        observation.stable_runs = self.stable_runs.unwrap_or(StableRuns::Unknown);
        observation.templates.clone_from(&self.templates);
    }
}
