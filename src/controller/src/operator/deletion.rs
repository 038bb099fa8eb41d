//! The end of a release: everyone goes to stable before its object does, unless it has succeeded.

use core::time::Duration;

use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use serde_json::json;
use serin_assignment::Weight;
use serin_document::Revision;
use serin_rollout::{Command, MirrorFields, Phase, Side, Traffic};
use tokio::time::timeout;

use super::client::answer;
use super::keep::stored_text;
use super::kinds::{self, Key};
use super::leader::WriteError;
use super::left::leaving;
use super::refused::NotRun;
use super::resolve;
use super::route::Route;
use super::running::Running;
use super::supervise::Shared;
use crate::engine::{Carry as _, Change, Load};
use crate::release::objects_of;
use crate::store::Record;

/// Keeps the object until everyone is on stable.
const FINALIZER: &str = "serin.dev/stable-first";

/// The reason of the Event where something is left as it is for good.
const LET_GO: &str = "LetGo";

/// How long an API server that has lost its way may hold up the other releases, of which one after the
/// other is looked after; it is asked again at the next look.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether an object carries the controller's finalizer.
fn is_claimed(object: &DynamicObject) -> bool {
    object.metadata.finalizers.iter().flatten().any(|name| name == FINALIZER)
}

/// Puts the finalizer on an object, before anything is done for it.
///
/// # Errors
/// Why it is not there; then nothing may be done.
pub(super) async fn claim(shared: &Shared, object: &DynamicObject) -> Result<(), NotRun> {
    if is_claimed(object) {
        return Ok(());
    }
    let mut finalizers = object.metadata.finalizers.clone().unwrap_or_default();
    finalizers.push(FINALIZER.to_owned());
    set(shared, object, &finalizers).await
}

/// Whether everyone is where they stay when the object is gone, and so is what its route mirrors, as
/// far as its own state says.
pub(super) fn is_over(object: &DynamicObject) -> bool {
    if is_let_go(object) {
        return true;
    }
    match stored_text(object).map(Record::parse) {
        // What a state that was lost had mirrored may not be off yet.
        None => !(is_claimed(object) && may_mirror(object)),
        Some(Ok(record)) => is_last(record.state.phase) && record.state.kept_mirrors.is_none(),
        Some(Err(_)) => false,
    }
}

/// Whether the release asks for a mirror, so that one to the canary is its own.
fn may_mirror(object: &DynamicObject) -> bool {
    kinds::at(object, &["spec", "mirror"]).is_some()
}

/// Whether nothing is left to do for an object that is to be deleted; only others still hold it.
pub(super) fn is_let_go(object: &DynamicObject) -> bool {
    object.metadata.deletion_timestamp.is_some() && !is_claimed(object)
}

/// Whether nobody is left on the canary whom its deletion could leave there against the rule.
pub(super) fn is_harmless(object: &DynamicObject) -> bool {
    let not_begun = |record: Record| {
        let Traffic { weight, canary_serves, .. } = record.state.traffic;
        // What its route mirrored may not be back yet.
        let is_back = record.state.kept_mirrors.is_none();
        record.state.phase == Phase::Pending && weight.is_zero() && !canary_serves && is_back
    };
    is_over(object) || stored_text(object).is_some_and(|it| Record::parse(it).is_ok_and(not_begun))
}

/// A release that has succeeded leaves its weights; one that is rolled back has none.
const fn is_last(phase: Phase) -> bool {
    matches!(phase, Phase::Succeeded | Phase::RolledBack)
}

/// Goes on with the end of a release that is run, and whose object is to be deleted: everyone goes to
/// stable first.
pub(super) async fn go_on(shared: &Shared, object: &DynamicObject, running: &Running) {
    if !is_claimed(object) {
        return;
    }
    let handle = &running.handle;
    if let Some(why) = running.route().gone() {
        if !is_harmless(object) {
            tell_of_users(shared, object, &why).await;
        }
        let_go(shared, object).await;
        return;
    }
    let status = handle.status.borrow().clone();
    // It goes as soon as stable can serve; a second abort would not wait for that.
    let waits = status.frozen && status.phase == Some(Phase::Progressing);
    match status.phase {
        None | Some(Phase::RollingBack) => return,
        Some(_) if waits => return,
        Some(phase) if !is_last(phase) => {
            if let Some(answer) = handle.command(Command::Abort, "the deletion of its object").await
            {
                let release = Key::of(object);
                tracing::info!(%release, ?answer, "it is to be deleted: stable first");
            }
            return;
        }
        Some(_) => {}
    }
    match running.unmirror().await {
        Ok(()) => let_go(shared, object).await,
        Err(NotBack::NotYet(why)) => {
            let release = Key::of(object);
            tracing::info!(%release, "it is to be deleted, what its route mirrored first: {why}");
        }
        Err(NotBack::Impossible(why)) => {
            let note =
                format!("deleted, though nobody can put back what its route mirrored: {why}");
            shared.events.warn(object, LET_GO, &note).await;
            let_go(shared, object).await;
        }
    }
}

/// Says that users stay where nobody can send them back from.
async fn tell_of_users(shared: &Shared, object: &DynamicObject, why: &str) {
    let note = format!("deleted with users on its canary, whom nobody can send back: {why}");
    tracing::error!(release = %Key::of(object), "{note}");
    shared.events.warn(object, LET_GO, &note).await;
}

/// Ends a release that cannot be run, and whose object is to be deleted. Nobody can look at its
/// metrics, so that there is no proof: its route is put back by what can still be read of it, and it
/// leaves the document. It is let go with an Event that says what became of its users. `is_others`:
/// another release has its objects, and decides on them.
pub(super) async fn end_unrun(shared: &Shared, object: &DynamicObject, is_others: bool) {
    if !is_claimed(object) {
        return;
    }
    if !is_others && !is_harmless(object) {
        match put_back(shared, object).await {
            Ok(()) => {
                let note = "deleted, though it could not be run: its route sends everyone to \
                            stable, and nobody has proved that proxies have it";
                shared.events.warn(object, "StableWithoutProof", note).await;
            }
            Err(NotBack::Impossible(why)) => tell_of_users(shared, object, &why).await,
            Err(NotBack::NotYet(why)) => {
                tracing::warn!(release = %Key::of(object), "it is to be deleted, stable first: {why}");
                return;
            }
        }
    }
    let_go(shared, object).await;
}

/// Why a route does not send everyone to stable, or still mirrors.
pub(super) enum NotBack {
    /// It may the next time.
    NotYet(String),
    /// There is nothing that could.
    Impossible(String),
}

/// Sends everyone to stable in the route of a release that is not run.
async fn put_back(shared: &Shared, object: &DynamicObject) -> Result<(), NotBack> {
    let impossible = |why: &str| Err(NotBack::Impossible(why.to_owned()));
    let json = serde_json::to_value(object).unwrap_or_default();
    let Some(objects) = objects_of(&json) else {
        return impossible("its target and traffic cannot be read");
    };
    let key = Key::of(object);
    if let Err(why) = shared.caches.routes.named(&key.namespace, &objects.route) {
        return impossible(&why);
    }
    let route = Route::of(shared, &key, &objects).map_err(NotBack::Impossible)?;
    bring(&route, left(object), Change::Less).await
}

/// Brings a route there, in the time that all the others can wait.
pub(super) async fn bring(route: &Route, load: Load, change: Change) -> Result<(), NotBack> {
    let why = match timeout(PATIENCE, route.carry(load, change)).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(not_carried)) => not_carried.why().to_owned(),
        Err(_) => format!("no answer within {PATIENCE:?}"),
    };
    Err(NotBack::NotYet(why))
}

/// Which side is stable's: by the record, or where that cannot be read by the Deployment that people
/// see as the serving one.
fn serving(object: &DynamicObject) -> Side {
    if let Some(Ok(record)) = stored_text(object).map(Record::parse) {
        return record.state.traffic.serving;
    }
    resolve::shown_serving(object)
}

/// What its route is left with: everyone on stable unless the release has succeeded, and what it
/// mirrored before it mirrored to the canary, where it did.
fn left(object: &DynamicObject) -> Load {
    let state = stored_text(object).and_then(|text| Record::parse(text).ok()).map(|it| it.state);
    let nobody = Traffic { serving: serving(object), ..NOBODY };
    match state {
        Some(state) if is_last(state.phase) => Load::of(&state),
        Some(state) => Load { traffic: nobody, kept_mirrors: state.kept_mirrors },
        // What a state that was lost had mirrored is taken off, and nobody knows what was there before.
        None => Load { traffic: nobody, kept_mirrors: may_mirror(object).then(MirrorFields::new) },
    }
}

/// Nobody on the canary.
const NOBODY: Traffic = Traffic::new(Weight::ZERO, false, 0);

/// Takes the release out of the document and the finalizer from its object.
async fn let_go(shared: &Shared, object: &DynamicObject) {
    let key = Key::of(object);
    let withdrawn = shared.withdraw(&key).await;
    if let Err(why) = finish(shared, object, withdrawn).await {
        tracing::warn!(release = %key, "the finalizer cannot be removed: {why}");
    }
}

async fn finish(
    shared: &Shared,
    object: &DynamicObject,
    withdrawn: Option<Revision>,
) -> Result<(), NotRun> {
    // A write of its own: the one that takes the last finalizer is never stored. Of the object as the
    // API server has it: the cache leaves most of a record out.
    let last_version = match withdrawn {
        Some(revision) => {
            let (api, name) = place(shared, object);
            leaving(&answer(api.get(&name)).await?, revision)
        }
        None => None,
    };
    let written = match &last_version {
        Some(object) => Some(told(write_status(shared, object).await)?),
        None => None,
    };
    let last = written.as_ref().unwrap_or(object);
    let others = last.metadata.finalizers.iter().flatten().filter(|name| *name != FINALIZER);
    set(shared, last, &others.cloned().collect::<Vec<_>>()).await
}

async fn set(shared: &Shared, object: &DynamicObject, finalizers: &[String]) -> Result<(), NotRun> {
    let (api, name) = place(shared, object);
    let patch = Patch::Merge(json!({"metadata": {
        "finalizers": finalizers,
        "resourceVersion": object.metadata.resource_version,
    }}));
    let options = PatchParams::default();
    told(shared.term.write(api.patch(&name, &options, &patch)).await)?;
    Ok(())
}

async fn write_status(
    shared: &Shared,
    object: &DynamicObject,
) -> Result<DynamicObject, WriteError> {
    let (api, name) = place(shared, object);
    shared.term.write(api.replace_status(&name, &PostParams::default(), object)).await
}

/// Where the object is, and under which name.
fn place(shared: &Shared, object: &DynamicObject) -> (Api<DynamicObject>, String) {
    let Key { namespace, name } = Key::of(object);
    (kinds::within(&shared.client, &namespace, &kinds::canary_release()), name)
}

/// What has come of a write, for people.
fn told<T>(written: Result<T, WriteError>) -> Result<T, NotRun> {
    written.map_err(|error| match error {
        error if error.is_conflict() => NotRun::Changed,
        error => NotRun::Invalid(error.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use serin_rollout::{State, Version};

    use super::*;

    fn object(metadata: &Value, record: Option<&str>) -> DynamicObject {
        let object = json!({"metadata": metadata, "status": {"record": record}});
        serde_json::from_value(object).unwrap()
    }

    fn record(weight: &str, canary_serves: bool, phase: Phase) -> String {
        let traffic = Traffic::new(weight.parse().unwrap(), canary_serves, 1);
        let fresh = State::fresh(Version("v2".to_owned()), None, 1);
        let state = State { traffic, phase, ..fresh };
        serde_json::to_string(&Record::new("shop", "web", state, "salt".parse().unwrap())).unwrap()
    }

    #[test]
    fn one_whose_canary_may_have_users_is_not_let_go_unless_it_has_succeeded() {
        for (stored, harmless) in [
            (None, true),
            (Some(record("0%", false, Phase::Pending)), true),
            (Some(record("0%", false, Phase::RolledBack)), true),
            (Some(record("100%", true, Phase::Succeeded)), true),
            // Stored before the route has it.
            (Some(record("0%", false, Phase::RollingBack)), false),
            (Some(record("5%", true, Phase::Progressing)), false),
            (Some(record("0%", true, Phase::Progressing)), false),
            (Some("not a record".to_owned()), false),
        ] {
            let object = object(&json!({"name": "web"}), stored.as_deref());
            assert_eq!(is_harmless(&object), harmless, "{stored:?}");
        }
    }

    #[test]
    fn nothing_is_over_before_what_the_route_mirrored_is_back() {
        let mirroring = |phase, kept: Option<&str>| {
            let mut record: Value = serde_json::from_str(&record("100%", true, phase)).unwrap();
            if let Some(kept) = kept {
                record["state"]["keptMirrors"] = json!({"serin-rest": kept});
            }
            object(&json!({"name": "web"}), Some(&record.to_string()))
        };
        for phase in [Phase::Succeeded, Phase::RolledBack] {
            assert!(is_over(&mirroring(phase, None)), "{phase:?}");
            assert!(!is_over(&mirroring(phase, Some("theirs"))), "{phase:?}");
        }
        // One that cannot be run is left as it is but for its mirror.
        let load = left(&mirroring(Phase::Succeeded, Some("theirs")));
        assert_eq!(load.traffic.weight, "100%".parse().unwrap());
        assert!(load.kept_mirrors.is_some());
        let lost = |spec: &Value| {
            let mut object = object(&json!({"name": "web", "finalizers": [FINALIZER]}), None);
            object.data["spec"] = spec.clone();
            object
        };
        assert!(is_over(&lost(&json!({}))));
        let lost = lost(&json!({"mirror": {"share": "10%"}}));
        assert!(!is_over(&lost) && !is_harmless(&lost));
        assert_eq!(left(&lost).kept_mirrors, Some(MirrorFields::new()));
    }

    #[test]
    fn what_only_others_hold_is_let_go() {
        let at = "2026-11-26T02:00:00Z";
        let held = |by: &str| {
            object(&json!({"name": "web", "deletionTimestamp": at, "finalizers": [by]}), None)
        };
        assert!(is_let_go(&held("example.com/backup")) && !is_let_go(&held(FINALIZER)));
        assert!(is_over(&held("example.com/backup")), "it cannot be claimed any more");
        assert!(!is_let_go(&object(&json!({"name": "web"}), None)));
    }
}
