//! The weights in a router's object, whatever kind it is of.

use std::sync::{Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use kube::Api;
use kube::api::{DynamicObject, GetParams, PostParams, Request};
use serde_json::Value;
use serin_assignment::Weight;
use serin_rollout::{MirrorFields, MirrorsSeen, RouteSeen, Side, Traffic};
use serin_routes::{Acknowledged, Drift, Fault, Found, FoundMirror, Reference, Text, drift};

use super::cache::Objects;
use super::client::CONFLICTS;
use super::kinds::{self, Key};
use super::leader::Term;
use super::mirrors;
use super::supervise::Shared;
use crate::engine::{Carry, Change, Load, NotCarried, lowered_by_hand, wanted};
use crate::release::{Kubernetes, RouteRef};

/// One release's part of a router's object.
#[derive(Debug)]
pub(super) struct Route {
    /// All of its kind; they are read and written as text.
    api: Api<DynamicObject>,
    cached: Objects,
    key: Key,
    named: RouteRef,
    /// As the release names the sides.
    reference: Reference,
    term: Term,
    written: Mutex<Written>,
}

/// What was last made of the object.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    /// The object's stamp then; what the cache holds of an earlier one is out of date.
    stamp: u64,
    /// By this process, or as one before it has noted.
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

    /// What the object says beside what it should, as the decision needs it, and what it mirrors.
    pub(super) async fn seen(&self, load: Load) -> (RouteSeen, Option<MirrorsSeen>) {
        let object = match self.newest().await {
            Ok(Some(object)) => object,
            Ok(None) => return (RouteSeen::Unusable { why: self.missing() }, None),
            Err(why) => return (RouteSeen::Unknown { why }, None),
        };
        let reference = self.reference(load.traffic);
        match self.understood(&object, &reference) {
            Err(why) => (RouteSeen::Unusable { why }, None),
            Ok(mirrors) => {
                let route = self.compared(&object, &mirrors, &load);
                (route, Some(mirrors::seen(mirrors)))
            }
        }
    }

    fn compared(&self, object: &Value, mirrors: &[FoundMirror], load: &Load) -> RouteSeen {
        let (traffic, known) = (load.traffic, self.written().traffic);
        let lowered = |traffic| self.lowered(object, traffic).ok().flatten();
        if let Some(weight) = lowered_by_hand(traffic, known, lowered) {
            return RouteSeen::Lowered { weight };
        }
        // A mirror that is not written yet is no drift.
        let carried = known.is_none_or(|known| known == traffic);
        if let Some(objection) = mirrors::objection(mirrors, load, carried) {
            return objection;
        }
        match self.named.kind.router().acknowledged(object) {
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

    /// What the object mirrors, where its weights can be read too; or what is wrong with it.
    fn understood(
        &self,
        object: &Value,
        reference: &Reference,
    ) -> Result<Vec<FoundMirror>, String> {
        self.read(object, reference)?;
        self.mirrors(object, reference)
    }

    /// What the object mirrors, or what is wrong with it; nothing where objects of its kind cannot.
    fn mirrors(&self, object: &Value, reference: &Reference) -> Result<Vec<FoundMirror>, String> {
        let Some(mirrors) = self.named.kind.router().mirrors() else { return Ok(Vec::new()) };
        mirrors.read(object, reference).map_err(|fault| self.about(&fault.to_string()))
    }

    /// Why nothing can be brought there: the object does not exist.
    pub(super) fn gone(&self) -> Option<String> {
        self.cached.get(&self.key).is_none().then(|| self.missing())
    }

    /// Why nothing can be brought there as long as people leave the object as it is.
    pub(super) fn fault(&self, traffic: Traffic) -> Option<String> {
        let Some(object) = self.cached.get(&self.key) else { return Some(self.missing()) };
        self.understood(&whole(&object), &self.reference(traffic)).err()
    }

    /// The canary's share by the object as it is, the roles being as the release names them; `None`
    /// where nobody is sent to it.
    ///
    /// # Errors
    /// Why it cannot be told.
    pub(super) async fn weight_in_force(&self) -> Result<Option<Weight>, String> {
        let object = self.fetch().await?.ok_or_else(|| self.missing())?;
        let found = self.read(object.tree(), &self.reference)?;
        let weight = found.weight().unwrap_or(Weight::ZERO);
        // Where the marked are served, so may be testers; the others are as many as the last entry says.
        Ok(Some(weight).filter(|_| found.reaches_canary()))
    }

    /// The cached object, unless this process has written a later one: then the server's.
    async fn newest(&self) -> Result<Option<Value>, String> {
        let cached = self.cached.get(&self.key).map(|object| whole(&object));
        match cached {
            Some(object) if self.stamp(&object) < self.written().stamp => {
                Ok(self.fetch().await?.map(|object| object.tree().clone()))
            }
            cached => Ok(cached),
        }
    }

    /// As text, of which all that is not ours is sent back as it came.
    async fn fetch(&self) -> Result<Option<Text>, String> {
        let asked = async {
            let question =
                Request::new(self.api.resource_url()).get(&self.key.name, &GetParams::default());
            let text = self
                .api
                .clone()
                .into_client()
                .request_text(question.map_err(kube::Error::BuildRequest)?)
                .await?;
            Text::read(text).map_err(kube::Error::SerdeError)
        };
        match asked.await {
            Ok(object) => Ok(Some(object)),
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn bring(&self, load: Load, change: Change) -> Result<(), String> {
        let traffic = load.traffic;
        if matches!(change, Change::None | Change::Back) && self.is_there(&load) {
            return Ok(());
        }
        for _ in 0..CONFLICTS {
            let object = self.fetch().await?.ok_or_else(|| self.missing())?;
            if self.was_lowered(object.tree(), traffic, change)? {
                return change.after_lowering().map_err(|why| self.about(why));
            }
            if self.mirrors_were_changed(object.tree(), &load, change)? {
                return Ok(());
            }
            let mut tree = object.tree().clone();
            if !self.write(&mut tree, &load)? {
                self.note(object.tree(), traffic);
                return Ok(());
            }
            // With the version that was read.
            let object = object.changed(&tree);
            if !self.keeps_mirror(&object, &load).await? {
                continue;
            }
            if let Some(object) = self.replace(&object, false).await? {
                tracing::info!(object = %self.key, weight = %traffic.weight, "{} written", self.named.kind);
                self.note(&object, traffic);
                return Ok(());
            }
        }
        Err(self.about(&format!("{CONFLICTS} writes in a row met another one")))
    }

    /// Puts the load into the object, and says whether that changed it.
    fn write(&self, object: &mut Value, load: &Load) -> Result<bool, String> {
        let (router, reference) = (self.named.kind.router(), self.reference(load.traffic));
        let fault = |fault: Fault| self.about(&fault.to_string());
        let mut differs = router.write(object, &reference, &wanted(load.traffic)).map_err(fault)?;
        let ours = load.traffic.mirror.is_some() || load.kept_mirrors.is_some();
        if let Some(mirrors) = router.mirrors().filter(|_| ours) {
            let nothing = MirrorFields::new();
            let kept = load.kept_mirrors.as_ref().unwrap_or(&nothing);
            let share = load.traffic.mirror;
            differs |= mirrors.write(object, &reference, share, kept).map_err(fault)?;
        }
        Ok(differs)
    }

    /// Writes the object, or has the API server say only what it would keep of it; `None` where
    /// somebody else has written it: it is to be read again, and decided again, at once.
    async fn replace(&self, object: &str, dry_run: bool) -> Result<Option<Value>, String> {
        let options = PostParams { dry_run, ..PostParams::default() };
        let body = object.as_bytes().to_vec();
        let request = Request::new(self.api.resource_url()).replace(&self.key.name, &options, body);
        let write = async {
            self.api
                .clone()
                .into_client()
                .request(request.map_err(kube::Error::BuildRequest)?)
                .await
        };
        match self.term.write(write).await {
            Ok(object) => Ok(Some(object)),
            Err(error) if error.is_conflict() => Ok(None),
            Err(error) => Err(self.about(&error.to_string())),
        }
    }

    /// Whether the API server would keep the mirror as it is; `false` where somebody else has written
    /// the object.
    ///
    /// # Errors
    /// Where a definition that does not know a mirror's share drops it, so that every request would be
    /// mirrored.
    async fn keeps_mirror(&self, object: &str, load: &Load) -> Result<bool, String> {
        if load.traffic.mirror.is_none() {
            return Ok(true);
        }
        let Some(kept) = self.replace(object, true).await? else { return Ok(false) };
        let found = self.mirrors(&kept, &self.reference(load.traffic))?;
        if mirrors::are_as_set(&found, load) {
            return Ok(true);
        }
        Err(self.about(
            "the API server drops the share of a mirror, so that every request would be mirrored: \
             install the definitions of Gateway API 1.3 or newer",
        ))
    }

    fn mirrors_were_changed(
        &self,
        object: &Value,
        load: &Load,
        change: Change,
    ) -> Result<bool, String> {
        if load.traffic.mirror.is_none() {
            return Ok(false);
        }
        let found = self.mirrors(object, &self.reference(load.traffic))?;
        mirrors::were_changed(&found, load, change).map_err(|why| self.about(why))
    }

    /// Whether the cached object has this load.
    fn is_there(&self, load: &Load) -> bool {
        let traffic = load.traffic;
        let Some(object) = self.cached.get(&self.key).map(|object| whole(&object)) else {
            return false;
        };
        if self.stamp(&object) < self.written().stamp {
            // It is about the object before our own write.
            return self.written().traffic == Some(traffic);
        }
        let reference = self.reference(traffic);
        let found = self.read(&object, &reference);
        let weights = found.is_ok_and(|found| drift(&found, &wanted(traffic)) == Drift::None);
        let mirrors = self.mirrors(&object, &reference);
        let as_set = weights && mirrors.is_ok_and(|found| mirrors::are_as_set(&found, load));
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
        match self.lowered(object, before) {
            // Weights that cannot be read are no reason to leave users on the canary.
            Err(_) if change == Change::Less => Ok(false),
            lowered => Ok(lowered?.is_some()),
        }
    }

    /// The canary's weight, where it is below what this traffic asks for and nobody has more of it.
    fn lowered(&self, object: &Value, traffic: Traffic) -> Result<Option<Weight>, String> {
        let found = self.read(object, &self.reference(traffic))?;
        Ok(match drift(&found, &wanted(traffic)) {
            Drift::Lowered(weight) => Some(weight),
            Drift::None | Drift::Other(_) => None,
        })
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

    fn note(&self, object: &Value, traffic: Traffic) {
        let written = Written { stamp: self.stamp(object), traffic: Some(traffic) };
        *self.written.lock().unwrap_or_else(PoisonError::into_inner) = written;
    }

    fn missing(&self) -> String {
        self.about("it does not exist, and nothing is created that is not the controller's")
    }

    fn about(&self, why: &str) -> String {
        format!("{} {}: {why}", self.named.kind, self.key)
    }

    /// The object's version, as its adapter tells it.
    fn stamp(&self, object: &Value) -> u64 {
        self.named.kind.router().version(object)
    }
}

/// The object with its metadata, as adapters read it. Nothing of it can fail to be JSON.
fn whole(object: &DynamicObject) -> Value {
    serde_json::to_value(object).unwrap_or_default()
}

impl Carry for Route {
    fn carry(&self, load: Load, change: Change) -> BoxFuture<'_, Result<(), NotCarried>> {
        async move { Ok(self.bring(load, change).await?) }.boxed()
    }

    fn known(&self) -> Option<Traffic> {
        self.written().traffic
    }

    fn go_on_from(&self, known: Option<Traffic>) {
        let written = Written { stamp: 0, traffic: known };
        *self.written.lock().unwrap_or_else(PoisonError::into_inner) = written;
    }
}

#[cfg(test)]
mod tests;
