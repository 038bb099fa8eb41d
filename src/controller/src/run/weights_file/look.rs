//! What a release of a file can see: its metrics, and the file where it keeps one.

use std::sync::Arc;

use serin_assignment::Weight;
use serin_rollout::{Capacity, Proof, StableRuns};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::Route;
use crate::engine::{Observe, Part, Question};
use crate::observe::Observer;

/// The eyes of one release.
#[derive(Debug)]
pub(in crate::run) struct Look {
    metrics: Observer,
    route: Option<Arc<Route>>,
}

impl Look {
    pub(in crate::run) const fn new(metrics: Observer, route: Option<Arc<Route>>) -> Self {
        Self { metrics, route }
    }
}

impl Observe for Look {
    /// The file has it, whatever proxies show: it is written before anything else. A release whose
    /// file is not there has sent nobody to the canary by it.
    async fn weight_in_force(&self) -> Result<Option<Weight>, String> {
        let Some(route) = &self.route else { return self.metrics.weight_in_force().await };
        let in_force = route.in_force().await?;
        Ok(in_force.and_then(|wanted| wanted.integers().rest.canary_share()))
    }

    async fn observe(&self, question: Question, tell: UnboundedSender<Part>) {
        let Some(route) = &self.route else { return self.metrics.observe(question, tell).await };
        // Nobody listens any more where the pass was decided without the rest.
        let say = |part| drop(tell.send(part));
        let traffic = question.state.traffic;
        let file = async {
            say(Part::Route(route.seen(traffic).await));
            say(Part::Capacity(Capacity::NotApplicable));
            say(Part::StableRuns(StableRuns::NotApplicable));
        };
        let (relay, mut heard) = unbounded_channel();
        let metrics = self.metrics.observe(question.clone(), relay);
        let pass_on = async {
            while let Some(part) = heard.recv().await {
                say(match part {
                    // That the command has done its work is the proof then.
                    Part::Proof(Proof::Unseen) if route.has(traffic) => {
                        Part::Proof(Proof::Live { proxies: 1 })
                    }
                    part => part,
                });
            }
        };
        tokio::join!(file, metrics, pass_on);
    }
}
