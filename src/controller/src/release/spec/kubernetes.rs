//! What a release says of Kubernetes objects.

use schemars::JsonSchema;
use serde::Deserialize;

/// The Deployments of the two sides.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::release) struct Target {
    /// The Deployment that runs the version before.
    pub(in crate::release) stable: String,
    /// The Deployment that runs the version on trial.
    pub(in crate::release) canary: String,
    /// `scale` (the default): the canary has the pods for a weight before it gets the weight.
    /// `ignore`: its pods are its owner's matter.
    pub(in crate::release) capacity: Option<String>,
}

/// The names of the entries in which the weights stand: entries of a `VirtualService`, in this order,
/// or rules of an `HTTPRoute`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::release) struct Entries {
    /// For requests marked canary; `serin-canary` where it is absent.
    pub(in crate::release) canary: Option<String>,
    /// For requests marked stable; `serin-stable` where it is absent.
    pub(in crate::release) stable: Option<String>,
    /// For those without a mark; `serin-rest` where it is absent.
    pub(in crate::release) rest: Option<String>,
    /// In place of the three: the one that takes all requests by weight, where no filter marks them.
    pub(in crate::release) only: Option<String>,
}

/// Who serves one side.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::release) struct Side {
    /// Envoy's name of the cluster. With `target` it follows from the other three.
    pub(in crate::release) cluster: Option<String>,
    /// The destination's host, as the `VirtualService` spells it; for other kinds the service.
    pub(in crate::release) host: Option<String>,
    /// The destination's subset; with `virtualService`.
    pub(in crate::release) subset: Option<String>,
    /// The service's port.
    pub(in crate::release) port: Option<u16>,
}

/// A `WasmPlugin`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::release) struct Plugin {
    /// The plugin's name.
    pub(in crate::release) name: String,
    /// The plugin's namespace; the release's where it is absent.
    pub(in crate::release) namespace: Option<String>,
}
