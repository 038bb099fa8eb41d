//! The Kubernetes objects that a release names.

use serin_rollout::{Side, Version};
use serin_routes::{Kind, Reference};

/// The objects of a release that moves the weights of a router's object between two Deployments, all
/// in the release's namespace but for the plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kubernetes {
    /// The Deployments.
    pub target: Target,
    /// The object whose weights are moved.
    pub route: RouteRef,
    /// Where in it the weights stand.
    pub reference: Reference,
    /// The plugin whose configuration gets the document; none where proxies ask the controller.
    pub plugin: Option<PluginRef>,
    /// What the release's owner calls the version, beside the hash of the canary's pod template.
    pub stated_version: Option<String>,
}

impl Kubernetes {
    /// Whether its router draws every request by the weights, and counts what it sends to each side
    /// under a name that is known: what it counts is then the proof that a weight is live.
    #[must_use]
    pub fn draws(&self) -> bool {
        self.route.kind.router().draws(&self.reference.entries)
    }
}

/// Names the object whose weights are moved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteRef {
    /// What kind of object it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
}

impl RouteRef {
    /// The field of `spec.traffic` that names an object of this kind.
    #[must_use]
    pub const fn field(kind: Kind) -> &'static str {
        match kind {
            Kind::VirtualService => "virtualService",
            Kind::HttpRoute => "httpRoute",
            Kind::TraefikService => "traefikService",
            Kind::Ingress => "ingress",
        }
    }
}

/// `VirtualService web`.
impl core::fmt::Display for RouteRef {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// The Deployments of the two sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Runs the version before.
    pub stable: String,
    /// Runs the version on trial.
    pub canary: String,
    /// Who sees to it that the canary has enough pods.
    pub capacity: CapacityRule,
}

/// Who sees to it that the canary has enough pods for its weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CapacityRule {
    /// The controller scales the canary and waits for its pods before each rise.
    #[default]
    Scale,
    /// The Deployment's owner.
    Ignore,
}

/// Names a `WasmPlugin`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PluginRef {
    /// The plugin's namespace.
    pub namespace: String,
    /// The plugin's name.
    pub name: String,
}

/// What the objects of a cluster say of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Which side is stable's.
    pub serving: Side,
    /// The hash of the canary's pod template; the canary is the side that is not stable's.
    pub version: Version,
    /// The hosts of the object whose weights are moved, as it spells them; none where objects of its
    /// kind have none, and the release states its own.
    pub hosts: Vec<String>,
}
