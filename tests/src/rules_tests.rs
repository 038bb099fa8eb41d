use super::{Findings, History, Revision, Seen, check};
use serin_assignment::{Salt, Variant, Weight, assign};

const SALT: &str = "demo/shop/1";

fn revision(
    number: u64,
    basis_points: u16,
    published_us: u64,
    applied_us: Option<u64>,
) -> Revision {
    Revision {
        number,
        salt: Salt::new(SALT).unwrap(),
        weight: Weight::from_basis_points(basis_points).unwrap(),
        canary_serves: true,
        published_us,
        applied_us,
    }
}

/// 5 % from 100 (everywhere from 110), 25 % from 200 (everywhere from 220).
fn growing() -> History {
    History::new(vec![
        Revision::before_all(Salt::new(SALT).unwrap()),
        revision(2, 2_500, 200, Some(220)),
        revision(1, 500, 100, Some(110)),
    ])
}

/// A user whose bucket lies in the range.
fn user(buckets: std::ops::Range<u16>) -> String {
    let salt = Salt::new(SALT).unwrap();
    (0..1_000_000)
        .map(|number| format!("user-{number}"))
        .find(|id| buckets.contains(&assign(&salt, id.as_bytes()).bucket.get()))
        .unwrap()
}

fn judge(history: &History, answers: &[(&str, u64, u64, Variant)]) -> Findings {
    check(
        history,
        &answers.iter().map(|(user, sent_us, received_us, served)| Seen {
            user: user.as_bytes(),
            sent_us: *sent_us,
            received_us: *received_us,
            served: *served,
        }),
    )
}

#[test]
fn a_user_who_joins_with_the_weight_breaks_nothing() {
    let joins = user(500..2_500);
    let found = judge(
        &growing(),
        &[
            (&joins, 150, 151, Variant::Stable),
            (&joins, 205, 206, Variant::Stable),
            (&joins, 215, 216, Variant::Canary),
            (&joins, 230, 231, Variant::Canary),
        ],
    );
    assert_eq!((found.changed_sides, found.judged), (0, 4));
    assert_eq!(found.users_seen_to_differ, 1);
}

#[test]
fn a_user_sent_back_while_the_weight_grows_is_found() {
    let early = user(0..500);
    let found = judge(
        &growing(),
        &[(&early, 150, 151, Variant::Canary), (&early, 210, 211, Variant::Stable)],
    );
    assert_eq!(found.changed_sides, 1, "stable is right neither at 5 % nor at 25 %");
    assert_eq!(found.violations[0].possible.len(), 2);
}

#[test]
fn a_user_on_the_canary_above_the_weight_is_found() {
    let late = user(2_500..10_000);
    let found = judge(&growing(), &[(&late, 230, 231, Variant::Canary)]);
    assert_eq!(found.changed_sides, 1);
    assert_eq!(found.violations[0].possible[0].0, 2);
}

#[test]
fn the_old_answer_is_wrong_once_the_last_worker_has_the_new_revision() {
    let joins = user(500..2_500);
    assert_eq!(judge(&growing(), &[(&joins, 219, 221, Variant::Stable)]).changed_sides, 0);
    assert_eq!(judge(&growing(), &[(&joins, 220, 221, Variant::Stable)]).changed_sides, 1);
}

#[test]
fn the_new_answer_is_wrong_before_the_revision_was_published() {
    let joins = user(500..2_500);
    assert_eq!(judge(&growing(), &[(&joins, 198, 199, Variant::Canary)]).changed_sides, 1);
    assert_eq!(judge(&growing(), &[(&joins, 199, 200, Variant::Canary)]).changed_sides, 0);
}

#[test]
fn several_answers_of_one_user_are_one_change_of_sides() {
    let late = user(2_500..10_000);
    let twice = [(late.as_str(), 230, 231, Variant::Canary), (&late, 240, 241, Variant::Canary)];
    let found = judge(&growing(), &twice);
    assert_eq!((found.changed_sides, found.violations.len()), (1, 2));
}

#[test]
fn a_revision_that_never_arrived_leaves_the_one_before_it_right() {
    let history =
        History::new(vec![revision(1, 500, 100, Some(110)), revision(2, 2_500, 200, None)]);
    let joins = user(500..2_500);
    assert_eq!(judge(&history, &[(&joins, 900, 901, Variant::Stable)]).changed_sides, 0);
    assert_eq!(judge(&history, &[(&joins, 900, 901, Variant::Canary)]).changed_sides, 0);
}

#[test]
fn nobody_belongs_on_a_canary_that_must_not_serve() {
    let mut back = revision(2, 500, 200, Some(220));
    back.canary_serves = false;
    let history = History::new(vec![revision(1, 500, 100, Some(110)), back]);
    let early = user(0..500);
    assert_eq!(judge(&history, &[(&early, 230, 231, Variant::Canary)]).changed_sides, 1);
    assert_eq!(judge(&history, &[(&early, 230, 231, Variant::Stable)]).changed_sides, 0);
}

#[test]
fn another_salt_is_another_order_of_users() {
    let mut other = revision(2, 500, 200, Some(220));
    other.salt = Salt::new("demo/shop/2").unwrap();
    let history = History::new(vec![revision(1, 500, 100, Some(110)), other.clone()]);
    let mover = (0..1_000_000)
        .map(|n| format!("user-{n}"))
        .find(|id| {
            assign(&Salt::new(SALT).unwrap(), id.as_bytes()).bucket.get() < 500
                && assign(&other.salt, id.as_bytes()).bucket.get() >= 500
        })
        .unwrap();
    assert_eq!(judge(&history, &[(&mover, 230, 231, Variant::Stable)]).changed_sides, 0);
    assert_eq!(judge(&history, &[(&mover, 230, 231, Variant::Canary)]).changed_sides, 1);
}
