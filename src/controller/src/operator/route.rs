//! The weights in a router's object, whatever kind it is of.

use std::sync::{Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use kube::Api;
use kube::api::{DynamicObject, PostParams};
use serde_json::Value;
use serin_assignment::Weight;
use serin_rollout::{RouteSeen, Side, Traffic};
use serin_routes::{Acknowledged, Drift, Found, Reference, drift};

use super::cache::Objects;
use super::client::CONFLICTS;
use super::kinds::{self, Key, generation};
use super::leader::Term;
use super::supervise::Shared;
use crate::engine::{Carry, Change, wanted};
use crate::release::{Kubernetes, RouteRef};

/// One release's part of a router's object.
#[derive(Debug)]
pub(super) struct Route {
    api: Api<DynamicObject>,
    cached: Objects,
    key: Key,
    named: RouteRef,
    /// As the release names the sides.
    reference: Reference,
    term: Term,
    written: Mutex<Written>,
}

/// What this process last made of the object.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    /// The object's stamp then; what the cache holds of an earlier one is out of date.
    stamp: u64,
    traffic: Option<Traffic>,
}

impl Route {
    /// The part of a release that names these objects.
    ///
    /// # Errors
    /// Where nobody looks after objects of that kind.
    pub(super) fn of(shared: &Shared, release: &Key, objects: &Kubernetes) -> Result<Self, String> {
        let namespace = &release.namespace;
        let named = objects.route.clone();
        let cached = shared.caches.routes.of(named.kind);
        Ok(Self {
            api: kinds::within(&shared.client, namespace, &kinds::route(named.kind)),
            cached: cached.cloned().ok_or_else(|| kinds::not_served(named.kind))?,
            key: Key { namespace: namespace.clone(), name: named.name.clone() },
            named,
            reference: objects.reference.clone(),
            term: shared.term.clone(),
            written: Mutex::default(),
        })
    }

    /// What the object says beside what it should, as the decision needs it.
    pub(super) async fn seen(&self, traffic: Traffic) -> RouteSeen {
        let object = match self.newest().await {
            Ok(Some(object)) => object,
            Ok(None) => return RouteSeen::Unusable { why: self.missing() },
            Err(why) => return RouteSeen::Unknown { why },
        };
        let object = whole(&object);
        let found = match self.read(&object, &self.reference(traffic)) {
            Err(why) => return RouteSeen::Unusable { why },
            Ok(found) => found,
        };
        // A rise that is not written yet is no drift.
        let carried = self.written().traffic.is_none_or(|written| written == traffic);
        match drift(&found, &wanted(traffic)) {
            Drift::Lowered(weight) if carried => return RouteSeen::Lowered { weight },
            Drift::Lowered(_) | Drift::None | Drift::Other(_) => {}
        }
        match self.named.kind.router().acknowledged(&object) {
            Acknowledged::Never | Acknowledged::Taken => RouteSeen::AsSet,
            Acknowledged::NotYet(why) => RouteSeen::Unknown { why: self.about(&why) },
            Acknowledged::Refused(why) => RouteSeen::Unusable { why: self.about(&why) },
        }
    }

    /// The weights in the object, or what is wrong with it.
    fn read(&self, object: &Value, reference: &Reference) -> Result<Found, String> {
        let found = self.named.kind.router().read(object, reference);
        found.map_err(|fault| self.about(&fault.to_string()))
    }

    /// The canary's share by the object as it is, the roles being as the release names them; `None`
    /// where nobody is sent to it.
    ///
    /// # Errors
    /// Why it cannot be told.
    pub(super) async fn weight_in_force(&self) -> Result<Option<Weight>, String> {
        let object = self.fetch().await?.ok_or_else(|| self.missing())?;
        let found = self.read(&whole(&object), &self.reference)?;
        let weight = found.weight().unwrap_or(Weight::ZERO);
        // Where the marked are served, so may be testers; the others are as many as the last entry says.
        Ok(Some(weight).filter(|_| found.reaches_canary()))
    }

    /// The cached object, unless this process has written a later one: then the server's.
    async fn newest(&self) -> Result<Option<DynamicObject>, String> {
        let cached = self.cached.get(&self.key);
        let known = self.written().stamp;
        match cached {
            Some(object) if self.stamp(&object) < known => self.fetch().await,
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
            let object = self.fetch().await?.ok_or_else(|| self.missing())?;
            let mut json = whole(&object);
            if self.was_lowered(&json, traffic, change)? {
                return change.after_lowering().map_err(|why| self.about(why));
            }
            let router = self.named.kind.router();
            let differs = router
                .write(&mut json, &self.reference(traffic), &wanted(traffic))
                .map_err(|fault| self.about(&fault.to_string()))?;
            if !differs {
                self.note(&object, traffic);
                return Ok(());
            }
            let object: DynamicObject =
                serde_json::from_value(json).map_err(|error| self.about(&error.to_string()))?;
            let options = PostParams::default();
            let write = self.api.replace(&self.key.name, &options, &object);
            match self.term.write(write).await {
                Ok(object) => {
                    tracing::info!(object = %self.key, weight = %traffic.weight, "{} written", self.named.kind);
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
        if self.stamp(&object) < self.written().stamp {
            // It is about the object before our own write.
            return self.written().traffic == Some(traffic);
        }
        let found = self.read(&whole(&object), &self.reference(traffic));
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
        let before = change.looks_beside(self.written().traffic, traffic);
        let Some(before) = before else { return Ok(false) };
        let found = self.read(object, &self.reference(before))?;
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
        let written = Written { stamp: self.stamp(object), traffic: Some(traffic) };
        *self.written.lock().unwrap_or_else(PoisonError::into_inner) = written;
    }

    fn missing(&self) -> String {
        self.about("it does not exist, and nothing is created that is not the controller's")
    }

    fn about(&self, why: &str) -> String {
        format!("{} {}: {why}", self.named.kind, self.key)
    }

    /// Rises with every change of the weights: the generation, or where that does not count them the
    /// version of the whole object, which Kubernetes lets clients compare as a number.
    fn stamp(&self, object: &DynamicObject) -> u64 {
        if self.named.kind.is_in_metadata() {
            let version = object.metadata.resource_version.as_deref();
            version.and_then(|version| version.parse().ok()).unwrap_or_default()
        } else {
            generation(object)
        }
    }
}

/// The object with its metadata, as adapters read it. Nothing of it can fail to be JSON.
fn whole(object: &DynamicObject) -> Value {
    serde_json::to_value(object).unwrap_or_default()
}

impl Carry for Route {
    fn carry(&self, traffic: Traffic, change: Change) -> BoxFuture<'_, Result<(), String>> {
        self.bring(traffic, change).boxed()
    }
}
