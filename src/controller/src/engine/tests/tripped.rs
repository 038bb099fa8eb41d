//! Proxies that have sent everyone to stable by themselves: whatever takes stable away waits for them.

use futures_util::future::BoxFuture;
use serin_assignment::Weight;
use serin_rollout::{Capacity, OnSuccess, Side, StableWanted, Steps, Traffic, Trips};

use super::super::scripted::release;
use super::super::{Carry, Change, Load, NotCarried};
use super::*;
use crate::engine::Reload;
use crate::release::Release;
use crate::store::Folder;

const ONE: Trips = Trips::Tripped { tripped: 1, watching: 3 };
const NONE: Trips = Trips::None { watching: 3 };
/// Longer than all that a rollout waits for at its end.
const LONG: Duration = Duration::from_mins(5);

/// A router that takes everything.
#[derive(Debug)]
struct Router;

impl Carry for Router {
    fn carry(&self, _: Load, _: Change) -> BoxFuture<'_, Result<(), NotCarried>> {
        Box::pin(async { Ok(()) })
    }

    fn known(&self) -> Option<Traffic> {
        None
    }

    fn go_on_from(&self, _: Option<Traffic>) {}
}

fn start(folder: &Folder, change: impl FnOnce(&mut Release)) -> Bench {
    let mut changed = Arc::unwrap_or_clone(release("v2", "shop.example.com"));
    changed.plan.policy.route_live_after = Duration::from_secs(5);
    change(&mut changed);
    let metrics =
        super::super::scripted::Metrics { trips: NONE, capacity: || Capacity::Enough, ..HEALTHY };
    Bench::start_on(Arc::new(changed), folder, &clock(), metrics, Some(Arc::new(Router)))
}

fn state(bench: &Bench) -> State {
    bench.stored().unwrap().state
}

#[tokio::test(start_paused = true)]
async fn a_swap_waits_for_every_trip_and_so_do_the_replicas_of_the_side_before() {
    let (_scratch, folder) = scratch();
    let swap = |release: &mut Release| release.plan.on_success = OnSuccess::Swap;
    let mut bench = start(&folder, swap);
    bench.until_phase(Phase::Promoting).await;
    bench.set(|metrics| metrics.trips = ONE);
    let held = bench.until(|status| status.reason == Some(Reason::Tripped)).await;
    assert_eq!(held.proxies.tripped, Some(1));
    let told = bench.until(|status| !status.alerts.is_empty()).await;
    assert_eq!(told.alerts[0].name, Alert::Tripped);
    for trips in [ONE, Trips::Unknown] {
        bench.set(|metrics| metrics.trips = trips);
        sleep(LONG).await;
        assert_eq!(state(&bench).traffic.serving, Side::First, "{trips:?}");
        assert_eq!(bench.handle.status.borrow().reason, Some(Reason::Tripped), "{trips:?}");
    }
    assert_eq!(bench.handle.status.borrow().proxies.tripped, None, "nobody can tell");
    bench.set(|metrics| metrics.trips = NONE);
    bench.until(|status| status.weight.is_zero()).await;
    assert_eq!(state(&bench).traffic.serving, Side::Second);

    // The side before serves nobody any more, and a proxy shows a trip all the same.
    bench.set(|metrics| metrics.trips = ONE);
    let mut anew = Arc::unwrap_or_clone(release("v2", "shop.example.com"));
    swap(&mut anew);
    let mut anew = anew.with_serving(Side::Second);
    anew.version = Version("v1".to_owned());
    let news = Reload::Release(Arc::new(anew), Arc::clone(&bench.world));
    bench.reload.send(Box::new(news)).await.unwrap();
    for trips in [ONE, Trips::Unknown] {
        bench.set(|metrics| metrics.trips = trips);
        sleep(LONG).await;
        let state = state(&bench);
        assert_eq!((state.phase, state.capacity_for), (Phase::Promoting, None), "{trips:?}");
    }
    bench.set(|metrics| metrics.trips = NONE);
    bench.until_phase(Phase::Succeeded).await;
    assert_eq!(state(&bench).capacity_for, Some(Weight::ZERO));
}

#[tokio::test(start_paused = true)]
async fn stable_is_not_brought_to_the_new_version_while_a_proxy_shows_a_trip() {
    let (_scratch, folder) = scratch();
    let mut bench = start(&folder, |release| {
        // At 100 % trips end by themselves.
        let first = *release.plan.steps.get(0).unwrap();
        release.plan.steps = Steps::try_new(vec![first]).unwrap();
        release.plan.on_success = OnSuccess::Promote;
    });
    bench.until_phase(Phase::Promoting).await;
    assert_eq!(state(&bench).stable_wanted(), StableWanted::New);
    for trips in [ONE, Trips::Unknown] {
        bench.set(|metrics| metrics.trips = trips);
        sleep(LONG).await;
        assert_eq!(bench.handle.status.borrow().reason, Some(Reason::Tripped), "{trips:?}");
        assert_eq!(state(&bench).stable_wanted(), StableWanted::AsItIs, "{trips:?}");
    }
    bench.set(|metrics| metrics.trips = NONE);
    bench.until(|status| status.reason == Some(Reason::Promoting)).await;
    assert_eq!(state(&bench).stable_wanted(), StableWanted::New);
}
