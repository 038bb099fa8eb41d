//! What is known of the world in a pass, as its parts come in.

use std::collections::BTreeMap;

use serin_assignment::Weight;
use serin_rollout::{
    CanaryTraffic, Command, Endpoints, GateReading, Observation, Proof, Served, State, Verdict,
    Version,
};
use tokio::sync::mpsc::UnboundedSender;

/// Who looks at the world for one release.
pub trait Observe: Send + Sync + 'static {
    /// The canary's share that proxies have at present; `None` where no proxy shows any. Asked
    /// only where no state was stored.
    ///
    /// # Errors
    /// Why it could not be asked, for people.
    fn weight_in_force(&self) -> impl Future<Output = Result<Option<Weight>, String>> + Send;

    /// Looks at all that matters in this state and tells each part as soon as it is known.
    fn observe(&self, state: State, tell: UnboundedSender<Part>)
    -> impl Future<Output = ()> + Send;
}

/// One answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Whether the traffic that the state holds is live.
    Proof(Proof),
    /// A gate's reading.
    Gate(GateReading),
    /// Requests that the canary served since the step's clock started.
    CanaryRequests(Option<u64>),
    /// The canary's share of the requests that the hash placed since then, 0.0 to 1.0.
    ObservedShare(Option<f64>),
    /// The canary's endpoints.
    Canary(Endpoints),
    /// Stable's endpoints.
    Stable(Endpoints),
    /// Requests that reach the canary at present.
    CanaryTraffic(CanaryTraffic),
}

impl Part {
    /// Whether it may be the evidence that no other answer should be waited for.
    pub(super) const fn is_harm(&self) -> bool {
        matches!(self, Self::Gate(GateReading { verdict: Verdict::Fail, .. }))
    }
}

/// The parts that are known.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Seen {
    proof: Option<Proof>,
    gates: BTreeMap<String, GateReading>,
    canary_requests: Option<u64>,
    observed_share: Option<f64>,
    canary: Option<Endpoints>,
    stable: Option<Endpoints>,
    canary_traffic: Option<CanaryTraffic>,
}

/// What an observation is about. One made for other traffic or another clock proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subject {
    revision: u64,
    clock_started_ms: Option<u64>,
}

impl Subject {
    pub(super) fn of(state: &State) -> Self {
        Self {
            revision: state.traffic.revision,
            clock_started_ms: state.clock.map(|clock| clock.started_ms),
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
            Part::CanaryRequests(count) => self.canary_requests = count,
            Part::ObservedShare(share) => self.observed_share = share,
            Part::Canary(endpoints) => self.canary = Some(endpoints),
            Part::Stable(endpoints) => self.stable = Some(endpoints),
            Part::CanaryTraffic(traffic) => self.canary_traffic = Some(traffic),
        }
    }

    /// This, with the older answers where there is none yet.
    pub(super) fn or(&self, older: &Self) -> Self {
        let mut gates = older.gates.clone();
        gates.extend(self.gates.clone());
        Self {
            proof: self.proof.clone().or_else(|| older.proof.clone()),
            gates,
            canary_requests: self.canary_requests.or(older.canary_requests),
            observed_share: self.observed_share.or(older.observed_share),
            canary: self.canary.or(older.canary),
            stable: self.stable.or(older.stable),
            canary_traffic: self.canary_traffic.or(older.canary_traffic),
        }
    }

    pub(super) const fn proof(&self) -> Option<&Proof> {
        self.proof.as_ref()
    }

    pub(super) const fn canary_requests(&self) -> Option<u64> {
        self.canary_requests
    }

    pub(super) const fn observed_share(&self) -> Option<f64> {
        self.observed_share
    }

    /// The observation, in which what is not known is said to be unknown. A gate without a reading
    /// counts as broken by the rules of `decide`.
    pub(super) fn observation(&self, version: Version, command: Option<Command>) -> Observation {
        let unknown = || Proof::Unknown { why: "Prometheus has not answered yet".to_owned() };
        Observation {
            version,
            command,
            proof: self.proof.clone().unwrap_or_else(unknown),
            gates: self.gates.values().cloned().collect(),
            canary_requests: self.canary_requests(),
            detectable: None,
            canary: self.canary.unwrap_or(Endpoints::Unknown),
            stable: self.stable.unwrap_or(Endpoints::Unknown),
            canary_traffic: self.canary_traffic.unwrap_or(CanaryTraffic::Unknown),
            served: Served::Unknown,
            // With files nobody can tell what stable runs; `serin approve` says it.
            promoted: false,
        }
    }
}
