//! What a release may say and is still unlikely to mean.

mod gates;
mod steps;

use core::fmt;

use serde::Serialize;
use serin_rollout::OnSuccess;

use super::{FieldPath, Release};

/// Istio's proxies are told to take such a name whole.
const OF_ISTIO: &str = ".svc.cluster.local";

/// A doubt about a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// Where the field stands.
    pub field: FieldPath,
    /// The doubt.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl Release {
    /// What should be looked at before this release is run.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let spec = FieldPath::default().field("spec");
        let mut warnings = Vec::new();
        let sides =
            [("stable", &self.traffic.stable_cluster), ("canary", &self.traffic.canary_cluster)];
        for (side, cluster) in sides {
            if cluster.as_str().contains('.') && !cluster.as_str().ends_with(OF_ISTIO) {
                warnings.push(Warning {
                    field: spec.field("traffic").field(side).field("cluster"),
                    message: format!(
                        "Envoy cuts {cluster} at the first '.' in its metrics, so gates would find \
                         nothing, unless its stats_tags have a regex for such names"
                    ),
                });
            }
        }
        self.doubt_gates(&spec.field("gates"), &mut warnings);
        self.doubt_steps(&spec.field("steps"), &mut warnings);
        let last = self.plan.steps.last().weight;
        let full = self.plan.steps.full();
        if last < full {
            let end = match self.plan.on_success {
                OnSuccess::Keep | OnSuccess::Swap => {
                    format!("the release ends with {last} on the canary")
                }
                OnSuccess::Promote => format!("stable is replaced after {last} were tried"),
            };
            warnings.push(Warning {
                field: spec.field("steps").index(self.plan.steps.len().saturating_sub(1)),
                message: format!("the last step is not {full}: {end}"),
            });
        }
        warnings
    }
}
