//! A router beside the document: it goes first on the way up, and nobody waits for it on the way down.

use std::sync::Mutex;
use std::sync::atomic::Ordering;

use futures_util::future::BoxFuture;
use serin_assignment::Weight;
use serin_rollout::{
    Capacity, Mirror, MirrorFields, OnSuccess, RouteSeen, Side, StableRuns, Traffic, Version,
};
use tokio::sync::OnceCell;
use tokio::sync::watch;

use super::super::pending::Pending;
use super::super::scripted::{release, somebodys_mirror};
use super::super::seen::{Part, Seen};
use super::super::{Carry, Change, Load, NotCarried};
use super::*;
use crate::engine::Reload;
use crate::publish::Published;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Api {
    Good,
    /// Can be read, and takes no write.
    ReadOnly,
    Refuses,
    Hangs,
}

/// A router, and what the document held when each write came.
#[derive(Debug)]
struct Router {
    api: Mutex<Api>,
    weight: Mutex<Weight>,
    writes: Mutex<Vec<(Weight, Option<Weight>)>>,
    /// What was to be mirrored and what was kept of others, each time that changed.
    mirrors: Mutex<Vec<(Option<Weight>, Option<MirrorFields>)>>,
    /// What it was last seen to have.
    known: Mutex<Option<Traffic>>,
    /// How the last load was said to differ.
    change: Mutex<Option<Change>>,
    document: OnceCell<watch::Receiver<Option<Arc<Published>>>>,
}

impl Router {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            api: Mutex::new(Api::Good),
            weight: Mutex::new(Weight::ZERO),
            writes: Mutex::default(),
            mirrors: Mutex::default(),
            known: Mutex::default(),
            change: Mutex::default(),
            document: OnceCell::new(),
        })
    }

    fn set(&self, api: Api) {
        *self.api.lock().unwrap() = api;
    }

    fn weight(&self) -> Weight {
        *self.weight.lock().unwrap()
    }

    fn shown(&self) -> Option<Weight> {
        let shown = self.document.get()?.borrow().clone()?;
        Some(super::super::scripted::entry(&shown.json).weight)
    }
}

impl Carry for Router {
    fn carry(&self, load: Load, change: Change) -> BoxFuture<'_, Result<(), NotCarried>> {
        let traffic = load.traffic;
        *self.change.lock().unwrap() = Some(change);
        let api = *self.api.lock().unwrap();
        Box::pin(async move {
            match api {
                Api::Good => {}
                Api::ReadOnly if self.weight() == traffic.weight => {}
                Api::Refuses | Api::ReadOnly => return Err("500".to_owned().into()),
                Api::Hangs => core::future::pending().await,
            }
            let mirror = (traffic.mirror, load.kept_mirrors);
            let mut mirrors = self.mirrors.lock().unwrap();
            if mirrors.last().map_or(&(None, None), |last| last) != &mirror {
                // Nobody is in the document while anything is mirrored.
                assert!(mirror.0.is_none() || traffic.weight.is_zero());
                mirrors.push(mirror);
            }
            drop(mirrors);
            if self.weight() != traffic.weight {
                self.writes.lock().unwrap().push((traffic.weight, self.shown()));
                *self.weight.lock().unwrap() = traffic.weight;
            }
            *self.known.lock().unwrap() = Some(traffic);
            Ok(())
        })
    }

    fn known(&self) -> Option<Traffic> {
        *self.known.lock().unwrap()
    }

    fn go_on_from(&self, known: Option<Traffic>) {
        *self.known.lock().unwrap() = known;
    }
}

fn start(folder: &crate::store::Folder, router: &Arc<Router>) -> Bench {
    let route: Arc<dyn Carry> = Arc::clone(router) as _;
    let release = release("v2", "shop.example.com");
    let bench = Bench::start_on(release, folder, &clock(), HEALTHY, Some(route));
    router.document.set(bench.document()).unwrap();
    bench
}

fn weight(text: &str) -> Weight {
    text.parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn up_goes_the_router_first_then_the_document() {
    let (_scratch, folder) = scratch();
    let router = Router::new();
    let mut bench = start(&folder, &router);
    bench.until_phase(Phase::Succeeded).await;
    let writes = router.writes.lock().unwrap().clone();
    assert_eq!(writes, [(weight("5%"), Some(weight("0%"))), (weight("100%"), Some(weight("5%")))]);
}

fn start_mirroring(folder: &crate::store::Folder, router: &Arc<Router>) -> Bench {
    let mut mirroring = Arc::unwrap_or_clone(release("v2", "shop.example.com"));
    mirroring.plan.mirror = Some(Mirror {
        share: weight("10%"),
        time: Duration::from_secs(5),
        gates: vec!["errors".to_owned()],
    });
    let route: Arc<dyn Carry> = Arc::clone(router) as _;
    let bench = Bench::start_on(Arc::new(mirroring), folder, &clock(), HEALTHY, Some(route));
    router.document.set(bench.document()).unwrap();
    bench
}

#[tokio::test(start_paused = true)]
async fn requests_are_mirrored_and_what_was_there_is_back_before_the_first_user() {
    let (_scratch, folder) = scratch();
    let router = Router::new();
    let mut bench = start_mirroring(&folder, &router);
    let status = bench.until(|status| status.mirror.is_some()).await;
    assert_eq!((status.mirror, status.weight), (Some(weight("10%")), weight("0%")));
    assert!(!status.canary_serves && status.phase == Some(Phase::Progressing));
    bench.until_weight("5%").await;
    let kept = Some(somebodys_mirror());
    let mirrors = router.mirrors.lock().unwrap().clone();
    assert_eq!(mirrors, [(Some(weight("10%")), kept.clone()), (None, kept)]);
    assert_eq!(*router.writes.lock().unwrap(), [(weight("5%"), Some(weight("0%")))]);
    bench.until_phase(Phase::Succeeded).await;
}

#[tokio::test(start_paused = true)]
async fn harm_of_mirrored_requests_reaches_nobody() {
    let (_scratch, folder) = scratch();
    let router = Router::new();
    let mut bench = start_mirroring(&folder, &router);
    bench.until(|status| status.mirror.is_some()).await;
    bench.set(|metrics| metrics.verdict = Verdict::Fail);
    bench.until_phase(Phase::RolledBack).await;
    assert!(router.writes.lock().unwrap().is_empty(), "nobody was ever sent there");
    let last = router.mirrors.lock().unwrap().last().cloned().unwrap();
    // Once it is back, it is nobody's matter any more.
    assert!(last.0.is_none(), "{last:?}");
    assert!(bench.stored().unwrap().state.exposed_since_ms.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_process_that_starts_goes_on_mirroring_by_what_is_stored() {
    let (_scratch, folder) = scratch();
    let router = Router::new();
    let mut bench = start_mirroring(&folder, &router);
    bench.until(|status| status.mirror.is_some()).await;
    bench.task.abort();
    drop((&mut bench.task).await);
    drop(bench);
    let router = Router::new();
    let mut bench = start_mirroring(&folder, &router);
    bench.until_weight("5%").await;
    let mirrors = router.mirrors.lock().unwrap().clone();
    assert_eq!(mirrors.last(), Some(&(None, Some(somebodys_mirror()))));
}

#[tokio::test(start_paused = true)]
async fn a_rise_that_the_router_does_not_take_is_in_no_document_until_it_does() {
    for api in [Api::Refuses, Api::Hangs] {
        let (_scratch, folder) = scratch();
        let router = Router::new();
        let mut bench = start(&folder, &router);
        bench.until_weight("5%").await;
        router.set(api);
        sleep(WHOLE_ROLLOUT).await;
        assert_eq!(bench.entry().unwrap().weight, weight("5%"), "{api:?}");
        let status = Arc::clone(&bench.handle.status.borrow());
        let kinds: Vec<_> = status.conditions.iter().map(|condition| condition.kind).collect();
        assert!(kinds.contains(&ConditionKind::RouteNotWritten), "{api:?}: {kinds:?}");
        router.set(Api::Good);
        bench.until_phase(Phase::Succeeded).await;
        assert_eq!(router.weight(), weight("100%"), "{api:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rollback_is_in_the_document_at_once_and_in_the_router_as_soon_as_it_can_be() {
    for api in [Api::Refuses, Api::Hangs] {
        let (_scratch, folder) = scratch();
        let router = Router::new();
        let mut bench = start(&folder, &router);
        bench.until_weight("5%").await;
        router.set(api);
        bench.set(|metrics| metrics.verdict = Verdict::Fail);
        bench.until_phase(Phase::RollingBack).await;
        assert!(bench.entry().unwrap().weight.is_zero(), "{api:?}");
        assert_eq!(router.weight(), weight("5%"), "{api:?}");
        // However quiet the canary is: the router may still send somebody there.
        sleep(WHOLE_ROLLOUT).await;
        assert_eq!(bench.handle.status.borrow().phase, Some(Phase::RollingBack), "{api:?}");
        router.set(Api::Good);
        bench.until_phase(Phase::RolledBack).await;
        assert!(router.weight().is_zero(), "{api:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_starts_while_the_router_hangs_says_all_the_same_what_is_in_force() {
    let (_scratch, folder) = scratch();
    let router = Router::new();
    let mut bench = start(&folder, &router);
    bench.until_weight("5%").await;
    bench.task.abort();
    drop((&mut bench.task).await);
    drop(bench);
    let router = Router::new();
    router.set(Api::Hangs);
    let bench = start(&folder, &router);
    let mut document = bench.document();
    let shown = document.wait_for(Option::is_some);
    drop(tokio::time::timeout(WHOLE_ROLLOUT, shown).await.expect("nothing was said"));
    assert_eq!(bench.entry().unwrap().weight, weight("5%"));
}

#[tokio::test(start_paused = true)]
async fn a_rise_that_was_never_written_is_one_still_for_the_process_after() {
    for api in [Api::Refuses, Api::Hangs] {
        let (_scratch, folder) = scratch();
        let router = Router::new();
        let mut bench = start(&folder, &router);
        bench.until_weight("5%").await;
        router.set(Api::ReadOnly);
        // Stored, and no more.
        bench.until(|status| status.weight == weight("100%")).await;
        bench.task.abort();
        drop((&mut bench.task).await);
        drop(bench);
        let router = Router::new();
        *router.weight.lock().unwrap() = weight("5%");
        router.set(api);
        let mut bench = start(&folder, &router);
        bench.until(|status| status.published_at.is_some()).await;
        let had = router.known().map(|known| known.weight);
        assert_eq!(had, Some(weight("5%")), "as the process before has noted, {api:?}");
        sleep(WHOLE_ROLLOUT).await;
        // The document has it by now, and yet the route is not only looked after.
        assert_eq!(*router.change.lock().unwrap(), Some(Change::More), "{api:?}");
        router.set(Api::Good);
        bench.until_phase(Phase::Succeeded).await;
        assert_eq!(router.weight(), weight("100%"), "{api:?}");
        let stored = bench.stored().unwrap();
        assert_eq!(stored.routed.map(|had| had.weight), Some(weight("100%")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_weight_lowered_by_hand_goes_into_the_document_and_stays_until_a_person_resumes() {
    let (_scratch, folder) = scratch();
    let router = Router::new();
    let mut bench = start(&folder, &router);
    bench.until_weight("5%").await;
    let by_hand = weight("2%");
    *router.weight.lock().unwrap() = by_hand;
    bench.set(|metrics| metrics.by_hand = Some(by_hand));
    let status = bench.until_weight("2%").await;
    assert_eq!(status.paused, Some(Pause::LoweredByHand));
    assert_eq!(bench.entry().unwrap().weight, by_hand);
    bench.set(|metrics| metrics.by_hand = None);
    sleep(WHOLE_ROLLOUT).await;
    assert_eq!((router.weight(), bench.entry().unwrap().weight), (by_hand, by_hand));
    let answer = bench.handle.command(Command::Resume, "somebody").await;
    assert!(matches!(answer, Some(Answer::Done(_))), "{answer:?}");
    bench.until_phase(Phase::Succeeded).await;
    assert_eq!(router.weight(), weight("100%"));
}

#[tokio::test(start_paused = true)]
async fn after_a_swap_nobody_looks_until_the_release_is_read_by_the_new_roles() {
    let (_scratch, folder) = scratch();
    let router = Router::new();
    let route: Arc<dyn Carry> = Arc::clone(&router) as _;
    let mut kept = Arc::unwrap_or_clone(release("v2", "shop.example.com"));
    kept.plan.on_success = OnSuccess::Swap;
    kept.plan.policy.route_live_after = Duration::from_secs(1);
    let mut bench =
        Bench::start_on(Arc::new(kept.clone()), &folder, &clock(), HEALTHY, Some(route));
    router.document.set(bench.document()).unwrap();
    bench.until_phase(Phase::Promoting).await;
    let clusters = |bench: &Bench| {
        let shown = bench.document().borrow().clone().unwrap();
        let clusters = shown.rollouts[0].clusters.clone().unwrap();
        [clusters.stable, clusters.canary].concat().iter().map(ToString::to_string).collect()
    };
    let before: Vec<String> = clusters(&bench);
    let swapped = bench.until(|status| status.weight.is_zero()).await;
    let after: Vec<String> = clusters(&bench);
    assert_eq!(before, ["shop-stable", "shop-canary"]);
    assert_eq!(after, ["shop-canary", "shop-stable"], "in the same revision as the weight");
    // What the old eyes see is of the other sides: it would end the rollout.
    sleep(WHOLE_ROLLOUT).await;
    assert_eq!(bench.handle.status.borrow().phase, Some(Phase::Promoting));
    let record = bench.stored().unwrap();
    assert_eq!(record.state.traffic.serving, Side::Second, "stored before it was shown");
    let mut anew = kept.with_serving(Side::Second);
    anew.version = Version("v1".to_owned());
    let news = Reload::Release(Arc::new(anew), Arc::clone(&bench.world));
    bench.reload.send(Box::new(news)).await.unwrap();
    let end = bench.until_phase(Phase::Succeeded).await;
    assert_eq!((end.version.as_str(), end.revision), ("v2", swapped.revision));
    // The release names what gave way from now on, which is nothing new.
    sleep(WHOLE_ROLLOUT).await;
    let looks = || bench.world.looks.load(Ordering::Relaxed);
    let before = looks();
    sleep(Duration::from_mins(4)).await;
    assert!(looks() - before <= 1, "{} looks in four minutes", looks() - before);
}

/// What a pass goes by where the release runs on a cluster, before anything was told.
fn surrounded(parts: Vec<Part>, pending: Option<Pending<'_>>) -> (RouteSeen, Capacity, StableRuns) {
    let mut seen = Seen::default();
    for part in parts {
        seen.take(part);
    }
    let mut observation = seen.observation(v2(), None);
    assert_eq!(observation.route, RouteSeen::NotApplicable, "of files");
    seen.surround(&mut observation, pending);
    (observation.route, observation.capacity, observation.stable_runs)
}

#[test]
fn what_was_not_told_of_a_cluster_is_unknown() {
    let (route, capacity, stable_runs) = surrounded(Vec::new(), None);
    assert!(matches!(route, RouteSeen::Unknown { .. }), "{route:?}");
    assert!(matches!(capacity, Capacity::Unknown { .. }), "{capacity:?}");
    assert_eq!(stable_runs, StableRuns::Unknown);
    let told = vec![
        Part::Route(RouteSeen::AsSet),
        Part::Capacity(Capacity::Enough),
        Part::StableRuns(StableRuns::New),
    ];
    assert_eq!(surrounded(told, None), (RouteSeen::AsSet, Capacity::Enough, StableRuns::New));
}

#[test]
fn a_route_that_was_read_before_its_write_failed_is_not_as_set() {
    let pending = Some(Pending { why: "500", in_document: Some(weight("5%")) });
    let lowered = |text| RouteSeen::Lowered { weight: weight(text) };
    let unknown = RouteSeen::Unknown { why: "500".to_owned() };
    // A rise that was not written leaves the route where the document is, or above it.
    for route in [RouteSeen::AsSet, lowered("5%"), lowered("6%")] {
        assert_eq!(surrounded(vec![Part::Route(route.clone())], pending).0, unknown, "{route:?}");
        assert_eq!(surrounded(vec![Part::Route(route.clone())], None).0, route);
    }
    // What a person did to it, or what is missing in it, is what the write failed for.
    for route in [lowered("4.99%"), RouteSeen::Unusable { why: "it is gone".to_owned() }] {
        assert_eq!(surrounded(vec![Part::Route(route.clone())], pending).0, route);
    }
}

fn v2() -> Version {
    Version("v2".to_owned())
}
