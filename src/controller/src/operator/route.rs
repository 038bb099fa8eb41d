//! The weights in a `VirtualService`.

use std::sync::{Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use kube::Api;
use kube::api::{DynamicObject, PostParams};
use serde_json::Value;
use serin_assignment::Weight;
use serin_rollout::{RouteSeen, Side, Traffic};
use serin_routes::{Drift, Reference, drift, virtual_service};

use super::cache::Objects;
use super::client::CONFLICTS;
use super::kinds::{self, Key, generation};
use super::leader::Term;
use super::supervise::Shared;
use crate::engine::{Carry, Change, wanted};
use crate::release::Kubernetes;

/// One release's part of a `VirtualService`.
#[derive(Debug)]
pub(super) struct Route {
    api: Api<DynamicObject>,
    cached: Objects,
    key: Key,
    /// As the release names the sides.
    reference: Reference,
    term: Term,
    written: Mutex<Written>,
}

/// What this process last made of the object.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    /// The object's generation then; what the cache holds of an earlier one is out of date.
    generation: u64,
    traffic: Option<Traffic>,
}

impl Route {
    /// The part of a release that names these objects.
    pub(super) fn of(shared: &Shared, release: &Key, objects: &Kubernetes) -> Self {
        let namespace = &release.namespace;
        Self {
            api: kinds::within(&shared.client, namespace, &kinds::virtual_service()),
            cached: shared.caches.virtual_services.clone(),
            key: Key { namespace: namespace.clone(), name: objects.virtual_service.clone() },
            reference: objects.reference.clone(),
            term: shared.term.clone(),
            written: Mutex::default(),
        }
    }

    /// What the object says beside what it should, as the decision needs it.
    pub(super) async fn seen(&self, traffic: Traffic) -> RouteSeen {
        let object = match self.newest().await {
            Ok(Some(object)) => object,
            Ok(None) => return RouteSeen::Unusable { why: self.missing() },
            Err(why) => return RouteSeen::Unknown { why },
        };
        match virtual_service::read(&object.data, &self.reference(traffic)) {
            Err(fault) => RouteSeen::Unusable { why: self.about(&fault.to_string()) },
            Ok(found) => {
                // A rise that is not written yet is no drift.
                let carried = self.written().traffic.is_none_or(|written| written == traffic);
                match drift(&found, &wanted(traffic)) {
                    Drift::Lowered(weight) if carried => RouteSeen::Lowered { weight },
                    Drift::Lowered(_) | Drift::None | Drift::Other(_) => RouteSeen::AsSet,
                }
            }
        }
    }

    /// The canary's share by the object as it is, the roles being as the release names them; `None`
    /// where nobody is sent to it.
    ///
    /// # Errors
    /// Why it cannot be told.
    pub(super) async fn weight_in_force(&self) -> Result<Option<Weight>, String> {
        let object = self.fetch().await?.ok_or_else(|| self.missing())?;
        let found = virtual_service::read(&object.data, &self.reference)
            .map_err(|fault| self.about(&fault.to_string()))?;
        let marked = found.canary.canary_share().unwrap_or(Weight::ZERO);
        let weight = found.weight().unwrap_or(Weight::ZERO);
        // Where the marked are served, so may be testers; the others are as many as the last entry says.
        Ok(Some(weight).filter(|weight| !weight.is_zero() || !marked.is_zero()))
    }

    /// The cached object, unless this process has written a later one: then the server's.
    async fn newest(&self) -> Result<Option<DynamicObject>, String> {
        let cached = self.cached.get(&self.key);
        let known = self.written().generation;
        match cached {
            Some(object) if generation(&object) < known => self.fetch().await,
            cached => Ok(cached),
        }
    }

    async fn fetch(&self) -> Result<Option<DynamicObject>, String> {
        self.api.get_opt(&self.key.name).await.map_err(|error| error.to_string())
    }

    async fn bring(&self, traffic: Traffic, change: Change) -> Result<(), String> {
        if matches!(change, Change::None | Change::Back) && self.is_there(traffic) {
            return Ok(());
        }
        for _ in 0..CONFLICTS {
            let mut object = self.fetch().await?.ok_or_else(|| self.missing())?;
            if self.was_lowered(&object.data, traffic, change)? {
                return match change {
                    Change::More => {
                        Err(self.about("somebody has lowered the canary's weight by hand"))
                    }
                    Change::None | Change::Back | Change::Less => Ok(()),
                };
            }
            let differs = virtual_service::write(
                &mut object.data,
                &self.reference(traffic),
                &wanted(traffic),
            )
            .map_err(|fault| self.about(&fault.to_string()))?;
            if !differs {
                self.note(&object, traffic);
                return Ok(());
            }
            let options = PostParams::default();
            let write = self.api.replace(&self.key.name, &options, &object);
            match self.term.write(write).await {
                Ok(object) => {
                    tracing::info!(object = %self.key, weight = %traffic.weight, "VirtualService written");
                    self.note(&object, traffic);
                    return Ok(());
                }
                // Somebody else has written it: read again, decide again, at once.
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(self.about(&error.to_string())),
            }
        }
        Err(self.about(&format!("{CONFLICTS} writes in a row met another one")))
    }

    /// Whether the cached object has these weights.
    fn is_there(&self, traffic: Traffic) -> bool {
        let Some(object) = self.cached.get(&self.key) else { return false };
        if generation(&object) < self.written().generation {
            // It is about the object before our own write.
            return self.written().traffic == Some(traffic);
        }
        let found = virtual_service::read(&object.data, &self.reference(traffic));
        let as_set = found.is_ok_and(|found| drift(&found, &wanted(traffic)) == Drift::None);
        if as_set {
            self.note(&object, traffic);
        }
        as_set
    }

    /// Whether a person has taken users from the canary since the object last had what it should.
    fn was_lowered(
        &self,
        object: &Value,
        traffic: Traffic,
        change: Change,
    ) -> Result<bool, String> {
        let before = match change {
            Change::Less | Change::Back => None,
            Change::More => self.written().traffic,
            // A process that has just started goes by what is stored.
            Change::None => Some(self.written().traffic.unwrap_or(traffic)),
        };
        let Some(before) = before else { return Ok(false) };
        let found = virtual_service::read(object, &self.reference(before))
            .map_err(|fault| self.about(&fault.to_string()))?;
        Ok(matches!(drift(&found, &wanted(before)), Drift::Lowered(_)))
    }

    /// Where the weights stand by the traffic's roles.
    fn reference(&self, traffic: Traffic) -> Reference {
        match traffic.serving {
            Side::First => self.reference.clone(),
            Side::Second => self.reference.swapped(),
        }
    }

    fn written(&self) -> Written {
        *self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, object: &DynamicObject, traffic: Traffic) {
        let written = Written { generation: generation(object), traffic: Some(traffic) };
        *self.written.lock().unwrap_or_else(PoisonError::into_inner) = written;
    }

    fn missing(&self) -> String {
        self.about("it does not exist, and nothing is created that is not the controller's")
    }

    fn about(&self, why: &str) -> String {
        format!("VirtualService {}: {why}", self.key)
    }
}

impl Carry for Route {
    fn carry(&self, traffic: Traffic, change: Change) -> BoxFuture<'_, Result<(), String>> {
        self.bring(traffic, change).boxed()
    }
}
