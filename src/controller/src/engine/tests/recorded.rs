//! What a record that is about to be stored says, beside what was shown before.

use serin_rollout::{Decision, Phase, Reason, State, Version};

use super::super::recorded;
use super::super::scripted::{START_MS, release};
use crate::status::{Status, example};
use crate::store::Record;

fn record(phase: Phase) -> Record {
    let mut state = State::fresh(Version("v2".to_owned()), None, START_MS);
    state.phase = phase;
    state.traffic.weight = "5%".parse().unwrap();
    let mut record = Record::new("demo", "shop", state, "salt".parse().unwrap());
    let decision = Decision { reason: Reason::Advanced, message: "rising to 5%".to_owned() };
    record.log(decision, START_MS, || None);
    record
}

/// What was shown, which is about this record or about an earlier one.
fn shown(record: &Record, same: bool) -> Status {
    let mut shown = example();
    shown.phase = Some(record.state.phase);
    shown.revision = record.state.traffic.revision - u64::from(!same);
    shown
}

#[test]
fn news_are_told_before_anybody_has_shown_them() {
    let record = record(Phase::Progressing);
    let release = release("v2", "shop.example.com");
    for before in [None, Some(shown(&record, false))] {
        let status = recorded(&release, &record, before.as_ref());
        assert_eq!(status.weight, "5%".parse().unwrap());
        assert_eq!(status.revision, record.state.traffic.revision);
        assert_eq!(
            (status.reason, status.message.as_str()),
            (Some(Reason::Advanced), "rising to 5%")
        );
        assert_eq!((status.observed_share, status.proxies.tripped), (None, None));
        assert!(status.conditions.is_empty());
    }
    let status = recorded(&release, &record, Some(&shown(&record, true)));
    assert_eq!((status.reason, status.message.as_str()), (Some(Reason::Baking), "holding 25%"));
    assert_eq!((status.observed_share, status.proxies.tripped), (Some(0.2483), Some(0)));
}

#[test]
fn at_rest_nothing_changes_by_itself() {
    let release = release("v2", "shop.example.com");
    for phase in [Phase::Pending, Phase::Succeeded, Phase::RolledBack] {
        let record = record(phase);
        let first = recorded(&release, &record, Some(&shown(&record, true)));
        let mut later = shown(&record, true);
        later.observed_share = Some(0.3);
        later.proxies.tripped = None;
        later.message = "for 12 s".to_owned();
        assert_eq!(recorded(&release, &record, Some(&later)), first, "{phase:?}");
    }
}
