use serin_assignment::Weight;
use serin_document::Revision;
use serin_rollout::{
    Decision, GateReading, Phase, Reason, Side, StepClock, Traffic, Verdict, Version,
};
use tempfile::TempDir;

use super::*;
use crate::folded::Folded;
use serin_rollout::{Alert, State};

fn state() -> State {
    State {
        version: Version("v2".to_owned()),
        phase: Phase::Progressing,
        step: 1,
        traffic: Traffic {
            serving: Side::Second,
            everyone: true,
            mirror: Weight::from_basis_points(10),
            ..Traffic::new(Weight::from_basis_points(25).unwrap(), true, Revision::MAX.get() - 1)
        },
        traffic_since_ms: 1_795_445_683_700,
        clock: Some(StepClock { started_ms: 1_795_445_683_900, baked_ms: 4_321 }),
        exposed_since_ms: Some(1_795_445_600_000),
        paused: None,
        mirrored: true,
        kept_mirrors: Some([("serin-rest".to_owned(), "null".to_owned())].into()),
        approved: false,
        skipped: true,
        asking_since_ms: None,
        ready_since_ms: Some(6),
        frozen: false,
        restoring: false,
        capacity_for: Weight::from_basis_points(50),
        baseline: Some(Version("5d4f8c".to_owned())),
        idle: Some(Version("1a2b3c".to_owned())),
        plan: Some("7f".to_owned()),
        again: true,
        settled_ms: 4,
        no_data_ms: 1,
        not_ready_ms: 2,
        unproved_ms: 3,
        held_ms: 5,
        alerts: [Alert::NoData].into(),
        gates: vec![GateReading {
            gate: "errors".to_owned(),
            at_ms: 1_795_445_684_000,
            verdict: Verdict::Pass,
            detail: "canary 0.1 % of 1,234 requests, limit 2 %".to_owned(),
        }],
    }
}

fn record() -> Record {
    let mut record = Record::new("demo", "shop", state(), "demo/shop/1".parse().unwrap());
    record.serial = 1;
    record.raise(Alert::NoData, 7);
    record.log(Decision { reason: Reason::Advanced, message: "to 0.25 %".to_owned() }, 8, || None);
    record.live = Some(Live { revision: Revision::MAX.get() - 1, since_ms: 9 });
    record.document_revision = Some(Revision::MAX.get());
    record.published =
        Folded::of(&serde_json::json!({"name": "demo/shop", "revision": Revision::MAX}));
    record
}

fn folder() -> (TempDir, Folder) {
    let scratch = tempfile::tempdir().unwrap();
    let folder = Folder::create(&scratch.path().join("deep/state")).unwrap();
    (scratch, folder)
}

#[test]
fn nothing_stored_is_nothing_and_not_an_error() {
    let (_scratch, folder) = folder();
    assert_eq!(folder.open("demo", "shop").unwrap().load().unwrap(), None);
}

#[test]
fn what_was_saved_comes_back_bit_for_bit_after_a_restart() {
    let (_scratch, folder) = folder();
    let file = folder.open("demo", "shop").unwrap();
    file.save(&record()).unwrap();
    drop(file);
    let again = folder.open("demo", "shop").unwrap();
    assert_eq!(again.load().unwrap(), Some(record()));
}

#[test]
fn a_record_from_before_there_was_evidence_is_read() {
    let (_scratch, folder) = folder();
    let file = folder.open("demo", "shop").unwrap();
    let mut json = serde_json::to_value(record()).unwrap();
    let object = json.as_object_mut().unwrap();
    assert!(object.remove("panel").is_some() && object.remove("bounds").is_some());
    let logged = json["decisions"][0].as_object_mut().unwrap();
    assert!(logged.remove("inputs").is_some());
    fs::write(file.path(), json.to_string()).unwrap();
    assert_eq!(file.load().unwrap(), Some(record()));
}

#[test]
fn a_crash_between_any_two_steps_of_a_write_leaves_the_old_or_the_new_record() {
    let (_scratch, folder) = folder();
    let file = folder.open("demo", "shop").unwrap();
    file.save(&record()).unwrap();
    let beside = replace::temporary(file.path());
    let whole = serde_json::to_vec(&record()).unwrap();
    // The crash came after the temporary file was made, half written, or written but not renamed.
    for left in [&[][..], &whole[..whole.len() / 2], &whole[..]] {
        fs::write(&beside, left).unwrap();
        assert_eq!(file.load().unwrap(), Some(record()));
    }
    let mut newer = record();
    newer.serial = 2;
    newer.state.step = 2;
    file.save(&newer).unwrap();
    assert_eq!(file.load().unwrap(), Some(newer));
    assert!(!beside.exists());
}

#[test]
fn a_write_that_fails_leaves_what_was_there() {
    let (_scratch, folder) = folder();
    let file = folder.open("demo", "shop").unwrap();
    file.save(&record()).unwrap();
    // A folder in the temporary file's place cannot be opened for writing, not even by root.
    fs::create_dir(replace::temporary(file.path())).unwrap();
    let mut newer = record();
    newer.serial = 2;
    let refused = file.save(&newer).unwrap_err();
    assert!(matches!(refused, StoreError::Write { .. }), "{refused}");
    assert_eq!(file.load().unwrap(), Some(record()));
}

#[test]
fn a_write_that_comes_late_does_not_undo_a_newer_one() {
    let (_scratch, folder) = folder();
    let file = folder.open("demo", "shop").unwrap();
    let mut newer = record();
    newer.serial = 5;
    file.save(&newer).unwrap();
    file.save(&record()).unwrap();
    assert_eq!(file.load().unwrap(), Some(newer));
}

#[test]
fn a_file_that_is_not_understood_is_refused_and_stays() {
    let (_scratch, folder) = folder();
    let file = folder.open("demo", "shop").unwrap();
    let good = serde_json::to_string(&record()).unwrap();
    let cases = [
        (String::new(), "no JSON"),
        (good[..good.len() / 2].to_owned(), "no JSON"),
        ("{}".to_owned(), "formatVersion is missing"),
        (good.replace("\"formatVersion\":1", "\"formatVersion\":2"), "formatVersion is 2"),
        (good.replace("\"serial\"", "\"serail\""), "serail"),
        (good.replace("\"frozen\":false", "\"frozen\":false,\"thawed\":1"), "state.thawed"),
        (good.replace("\"verdict\"", "\"x\":0,\"verdict\""), "state.gates[0].x"),
        (good.replace("0.25%", "25 percent"), "percentage"),
        (good.replace("\"name\":\"shop\"", "\"name\":\"other\""), "state of demo/other"),
    ];
    for (broken, rule) in cases {
        assert_ne!(broken, good, "the case changes nothing: {rule}");
        fs::write(file.path(), &broken).unwrap();
        let refused = file.load().unwrap_err();
        assert!(matches!(refused, StoreError::Corrupt { .. }), "{refused}");
        let told = refused.to_string();
        assert!(told.contains(rule), "{told} should name {rule}");
        assert!(told.contains("demo.shop.json") && told.contains("move it away"), "{told}");
        assert_eq!(fs::read_to_string(file.path()).unwrap(), broken);
    }
}

#[test]
fn a_revision_that_no_document_may_carry_is_refused() {
    let (_scratch, folder) = folder();
    let file = folder.open("demo", "shop").unwrap();
    let too_high = Revision::MAX.get() + 1;
    let refused = |change: &dyn Fn(&mut Record)| {
        let mut record = record();
        change(&mut record);
        fs::write(file.path(), serde_json::to_vec(&record).unwrap()).unwrap();
        let refused = file.load().unwrap_err();
        assert!(matches!(refused, StoreError::Corrupt { .. }), "{refused}");
        refused.to_string()
    };
    let told = [
        ("state.traffic.revision", refused(&|record| record.state.traffic.revision = too_high)),
        (
            "live.revision",
            refused(&|record| record.live = Some(Live { revision: too_high, since_ms: 9 })),
        ),
        ("documentRevision", refused(&|record| record.document_revision = Some(too_high))),
        (
            "published.revision",
            refused(&|record| {
                record.published = Folded::of(&serde_json::json!({"revision": too_high}));
            }),
        ),
    ];
    for (field, told) in told {
        let rule = format!("{field} is 9007199254740992, and a revision is at most");
        assert!(told.contains(&rule), "{told} should say {rule}");
    }
}

#[test]
fn a_second_controller_is_told_who_has_the_state() {
    let (_scratch, folder) = folder();
    let _first = folder.open("demo", "shop").unwrap();
    let StoreError::Held { holder: Some(holder), path } = folder.open("demo", "shop").unwrap_err()
    else {
        panic!("not held");
    };
    assert_eq!(holder.pid, std::process::id());
    assert!(holder.since <= jiff::Timestamp::now());
    assert!(path.ends_with("demo.shop.json"));
    // Another release is another file.
    folder.open("demo", "other").unwrap();
}

#[test]
fn a_lock_left_by_a_process_that_is_gone_holds_nobody_up() {
    let (_scratch, folder) = folder();
    drop(folder.open("demo", "shop").unwrap());
    assert!(folder.path().join("demo.shop.lock").exists());
    folder.open("demo", "shop").unwrap();
}

#[test]
fn names_cannot_lead_out_of_the_folder_or_to_another_release() {
    let (_scratch, folder) = folder();
    for (namespace, name) in [("..", "x"), ("a/b", "c"), ("a", "../c"), ("", "c"), ("a", "")] {
        let refused = folder.open(namespace, name).unwrap_err();
        assert!(matches!(refused, StoreError::Name { .. }), "{namespace}/{name}: {refused}");
    }
    // `a` + `b.c` and `a.b` + `c` would be the same file.
    folder.open("a", "b.c").unwrap();
    assert!(folder.open("a.b", "c").is_err());
}

#[test]
fn the_log_keeps_what_differs_and_only_the_newest() {
    let mut record = record();
    let hold = |message: &str| Decision { reason: Reason::Baking, message: message.to_owned() };
    let memory = Memory { decisions: 100, with_inputs: 5 };
    assert!(record.log(hold("baked 1 s"), 10, || None));
    assert!(!record.log(hold("baked 2 s"), 11, || None));
    for step in 0..300 {
        record.state.step = step;
        assert!(record.log(hold("next"), 12, || Folded::of(&step)));
        record.remember_only(memory);
    }
    assert_eq!(record.decisions.len(), 100);
    assert_eq!(record.decisions.back().unwrap().step, 299);
    let with_inputs = record.decisions.iter().filter(|decision| decision.inputs.is_some());
    assert_eq!(
        with_inputs.map(|decision| decision.step).collect::<Vec<_>>(),
        [295, 296, 297, 298, 299]
    );
}
