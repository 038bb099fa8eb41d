//! What a release on Kubernetes can see: its metrics, its route and its Deployments.

use std::sync::Arc;

use serin_assignment::Weight;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::route::Route;
use super::workloads::Workloads;
use crate::engine::{Load, Observe, Part, Question};
use crate::observe::Observer;
use crate::release::Release;

/// The eyes of one release.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) release: Arc<Release>,
    pub(super) metrics: Observer,
    pub(super) route: Arc<Route>,
    pub(super) workloads: Arc<Workloads>,
}

impl Observe for Look {
    /// The route has it, whatever proxies show: the controller writes it before anything else.
    async fn weight_in_force(&self) -> Result<Option<Weight>, String> {
        self.route.weight_in_force().await
    }

    fn is_rolled_out(&self) -> bool {
        self.workloads.are_alike()
    }

    async fn observe(&self, question: Question, tell: UnboundedSender<Part>) {
        // Nobody listens any more where the pass was decided without the rest.
        let say = |part| drop(tell.send(part));
        let cluster = async {
            let (route, mirrors) = self.route.seen(Load::of(&question.state)).await;
            say(Part::Route(route));
            // They are somebody else's where the release does not ask for any.
            if let Some(mirrors) = mirrors.filter(|_| self.release.plan.mirror.is_some()) {
                say(Part::Mirrors(mirrors));
            }
            for part in self.workloads.parts(&question.state, &self.release).await {
                say(part);
            }
        };
        let (relay, mut heard) = unbounded_channel();
        let metrics = self.metrics.observe(question.clone(), relay);
        let pass_on = async {
            while let Some(part) = heard.recv().await {
                // The Deployments know better which pods there are.
                if !matches!(part, Part::Canary(_) | Part::Stable(_)) {
                    say(part);
                }
            }
        };
        tokio::join!(cluster, metrics, pass_on);
    }
}
