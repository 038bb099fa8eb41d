//! What whatever carries weights holds to: an object of any kind, and a proxy's file.

use serin_assignment::Weight;
use serin_rollout::Traffic;

use super::{Carry, Change, NotCarried};

/// A router, with what carries the weights there.
pub(crate) trait Stage: Sized {
    fn carried(&self) -> &dyn Carry;
    /// The canary's share of the requests as the router has it; none where nobody gets there.
    fn share(&self) -> Option<Weight>;
    /// How often the router has taken something over.
    fn writes(&self) -> usize;
    /// A person gives the canary this share.
    fn by_hand(&self, weight: Weight);
    /// Whether the router takes over what is written from now on.
    fn takes(&self, takes: bool);
    /// The same router, and a process that has just started.
    fn anew(self) -> Self;
}

pub(crate) fn at(weight: &str, revision: u64) -> Traffic {
    Traffic::new(weight.parse().unwrap(), true, revision)
}

pub(crate) fn rolled_back(revision: u64) -> Traffic {
    Traffic::new(Weight::ZERO, false, revision)
}

fn weight(text: &str) -> Weight {
    text.parse().unwrap()
}

async fn carry(stage: &impl Stage, traffic: Traffic, change: Change) -> Result<(), NotCarried> {
    stage.carried().carry(traffic.into(), change).await
}

/// All of it, each on a router of its own.
pub(crate) async fn conforms<S: Stage>(fresh: impl AsyncFn() -> S) {
    what_is_wanted_is_there(fresh().await).await;
    nothing_is_written_where_nothing_changes(fresh().await).await;
    a_rollback_is_one_write(fresh().await).await;
    less_by_hand_stays_and_stops_rises(fresh().await).await;
    more_by_hand_is_put_back(fresh().await).await;
    what_is_not_taken_is_told_and_tried_again(fresh().await).await;
    a_process_goes_on_from_what_the_one_before_knew(fresh().await).await;
}

async fn what_is_wanted_is_there(stage: impl Stage) {
    assert_eq!(stage.carried().known(), None);
    let weights = ["0.01%", "5%", "33.33%", "100%"];
    for (revision, text) in (1..).zip(weights) {
        let traffic = at(text, revision);
        carry(&stage, traffic, Change::More).await.unwrap();
        assert_eq!((stage.share(), stage.carried().known()), (Some(weight(text)), Some(traffic)));
    }
    carry(&stage, at("7%", 9), Change::Less).await.unwrap();
    assert_eq!(stage.share(), Some(weight("7%")));
}

async fn nothing_is_written_where_nothing_changes(stage: impl Stage) {
    carry(&stage, at("5%", 1), Change::More).await.unwrap();
    let writes = stage.writes();
    for (revision, change) in [(1, Change::None), (1, Change::Back), (2, Change::More)] {
        carry(&stage, at("5%", revision), change).await.unwrap();
    }
    assert_eq!((stage.writes(), stage.share()), (writes, Some(weight("5%"))));
}

async fn a_rollback_is_one_write(stage: impl Stage) {
    carry(&stage, at("33.33%", 1), Change::More).await.unwrap();
    let writes = stage.writes();
    carry(&stage, rolled_back(2), Change::Less).await.unwrap();
    assert_eq!((stage.writes(), stage.share()), (writes + 1, None));
    carry(&stage, rolled_back(2), Change::None).await.unwrap();
    assert_eq!(stage.writes(), writes + 1);
}

async fn less_by_hand_stays_and_stops_rises(stage: impl Stage) {
    carry(&stage, at("25%", 1), Change::More).await.unwrap();
    let writes = stage.writes();
    stage.by_hand(weight("1%"));
    carry(&stage, at("25%", 1), Change::None).await.unwrap();
    let why = carry(&stage, at("50%", 2), Change::More).await.unwrap_err();
    assert!(why.why().contains("by hand"), "{why}");
    // Fewer than now, and still more than that.
    carry(&stage, at("5%", 2), Change::Less).await.unwrap();
    assert_eq!((stage.writes(), stage.share()), (writes, Some(weight("1%"))));
    carry(&stage, rolled_back(3), Change::Less).await.unwrap();
    assert_eq!((stage.writes(), stage.share()), (writes + 1, None));
}

async fn more_by_hand_is_put_back(stage: impl Stage) {
    carry(&stage, at("25%", 1), Change::More).await.unwrap();
    stage.by_hand(weight("90%"));
    carry(&stage, at("25%", 1), Change::None).await.unwrap();
    assert_eq!(stage.share(), Some(weight("25%")));
    // Of a release that decides nothing any more, less is put back too.
    stage.by_hand(weight("1%"));
    carry(&stage, at("25%", 1), Change::Back).await.unwrap();
    assert_eq!(stage.share(), Some(weight("25%")));
}

async fn what_is_not_taken_is_told_and_tried_again(stage: impl Stage) {
    carry(&stage, at("5%", 1), Change::More).await.unwrap();
    let writes = stage.writes();
    stage.takes(false);
    let why = carry(&stage, at("25%", 2), Change::More).await.unwrap_err();
    assert!(matches!(why, NotCarried::Failed(_)), "{why:?}");
    assert_eq!((stage.writes(), stage.share()), (writes, Some(weight("5%"))));
    carry(&stage, rolled_back(3), Change::Less).await.unwrap_err();
    stage.takes(true);
    carry(&stage, rolled_back(3), Change::Less).await.unwrap();
    assert_eq!((stage.writes(), stage.share()), (writes + 1, None));
}

async fn a_process_goes_on_from_what_the_one_before_knew(stage: impl Stage) {
    carry(&stage, at("5%", 1), Change::More).await.unwrap();
    let known = stage.carried().known();
    // The next rise was stored, and then the process was killed.
    let stage = stage.anew();
    stage.carried().go_on_from(known);
    assert_eq!(stage.carried().known(), known);
    stage.by_hand(weight("2%"));
    carry(&stage, at("10%", 2), Change::More).await.unwrap_err();
    stage.by_hand(weight("5%"));
    carry(&stage, at("10%", 2), Change::More).await.unwrap();
    assert_eq!(stage.share(), Some(weight("10%")));
}
