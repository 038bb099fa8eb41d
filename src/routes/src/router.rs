//! What an adapter for a kind of router object can do.

use core::fmt;

use serde_json::Value;

use crate::{
    Entries, Fault, Found, Mirrors, Reference, Wanted, http_route, ingress, traefik_service,
    virtual_service,
};

/// An adapter: the weights of a rollout in one kind of object.
///
/// Objects are whole, with `metadata` and `status` where they have one. Who writes one back does so
/// with the `resourceVersion` that was read, which is left as it is, so that the API server refuses
/// what was decided on anything older.
pub trait Router: fmt::Debug + Send + Sync {
    /// Where objects of this kind live.
    fn api(&self) -> ObjectApi;

    /// The weights as they stand.
    ///
    /// # Errors
    /// [`Fault`] where the object does not have what `reference` names, or requests would not get to
    /// it; the first one that is found.
    fn read(&self, object: &Value, reference: &Reference) -> Result<Found, Fault>;

    /// Puts the integers that `wanted` means into the object, and says whether that changed it. What
    /// sends the wanted share already stays as it is spelt.
    ///
    /// It takes more than [`Router::read`] does: the weights may be anything, for they are written
    /// over; and so may what else would keep requests away, for sending all to stable is better
    /// done in an object that is otherwise wrong than not.
    ///
    /// # Errors
    /// [`Fault`] where an entry or a destination is missing or not the only one of its name. Nothing
    /// is changed then.
    fn write(
        &self,
        object: &mut Value,
        reference: &Reference,
        wanted: &Wanted,
    ) -> Result<bool, Fault>;

    /// Rises with every change of the weights: the generation, or where that does not count them the
    /// version of the whole object, which Kubernetes lets clients compare as a number. 0 where the
    /// object does not say.
    fn version(&self, object: &Value) -> u64 {
        object.pointer("/metadata/generation").and_then(Value::as_u64).unwrap_or_default()
    }

    /// Whether what the router counts of the two sides can prove that their weights are live: it draws
    /// every request by them, and counts what it sends to each under a name that is known. Elsewhere
    /// only those prove it who mark requests, by the revision that they have.
    fn draws(&self, entries: &Entries) -> bool {
        match entries {
            Entries::One(_) | Entries::Whole => true,
            Entries::ByMark { .. } => false,
        }
    }

    /// The hosts that the object is for, as it spells them; none where objects of its kind do not
    /// say ([`Kind::has_hosts`]).
    fn hosts(&self, object: &Value) -> Vec<String>;

    /// The requests that its entries copy to others; none where they cannot.
    fn mirrors(&self) -> Option<&'static Mirrors> {
        None
    }

    /// What those who carry the object out say of it as it stands now.
    fn acknowledged(&self, _object: &Value) -> Acknowledged {
        Acknowledged::Never
    }
}

/// Group, version and names of a kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ObjectApi {
    /// The group, such as `networking.istio.io`.
    pub group: &'static str,
    /// The version, such as `v1`.
    pub version: &'static str,
    /// The kind, such as `VirtualService`.
    pub kind: &'static str,
    /// The kind in paths, such as `virtualservices`.
    pub plural: &'static str,
}

/// What an object's status says of the version that stands there. It never proves that proxies have
/// it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acknowledged {
    /// Objects of this kind have no status.
    Never,
    /// It was taken over.
    Taken,
    /// Nobody has said anything of this version yet.
    NotYet(String),
    /// It was refused, or part of it leads nowhere.
    Refused(String),
}

/// The kinds of objects in which weights are moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Istio's.
    VirtualService,
    /// Gateway API's: of Istio, Linkerd, Traefik, Envoy Gateway, NGINX Gateway Fabric and others.
    HttpRoute,
    /// Traefik's.
    TraefikService,
    /// The canary's, by the annotations of ingress-nginx.
    Ingress,
}

impl Kind {
    /// Every one of them.
    pub const ALL: [Self; 4] =
        [Self::VirtualService, Self::HttpRoute, Self::TraefikService, Self::Ingress];

    /// Its adapter.
    #[must_use]
    pub fn router(self) -> &'static dyn Router {
        match self {
            Self::VirtualService => &virtual_service::VirtualService,
            Self::HttpRoute => &http_route::HttpRoute,
            Self::TraefikService => &traefik_service::TraefikService,
            Self::Ingress => &ingress::Ingress,
        }
    }

    /// Whether its objects say which hosts they are for.
    #[must_use]
    pub const fn has_hosts(self) -> bool {
        match self {
            Self::VirtualService | Self::HttpRoute | Self::Ingress => true,
            Self::TraefikService => false,
        }
    }

    /// Whether its objects can tell marked requests from others.
    #[must_use]
    pub const fn has_entries(self) -> bool {
        match self {
            Self::VirtualService | Self::HttpRoute => true,
            Self::TraefikService | Self::Ingress => false,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.router().api().kind)
    }
}
