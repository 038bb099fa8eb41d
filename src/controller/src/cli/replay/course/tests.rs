use serin_judge::panel::{GateRules, Measure};
use serin_judge::{Alpha, Dispersion, Interval, Margin, SetAside};
use serin_rollout::{Length, OnSuccess, Policy, Step, Steps, Verdict};

use super::*;

const MINUTE_MS: u64 = 60_000;
const START_MS: u64 = 1_704_110_400_000;

fn step(weight: &str, minutes: u64) -> Step {
    Step {
        weight: weight.parse().unwrap(),
        length: Length::Bake(Duration::from_mins(minutes)),
        min_requests: 0,
        approval: Approval::Automatic,
    }
}

fn course(steps: Vec<Step>) -> Course {
    let plan = Plan {
        steps: Steps::try_new(steps).unwrap(),
        mirror: None,
        gates: vec!["errors".to_owned()],
        asks: Vec::new(),
        on_success: OnSuccess::Keep,
        policy: Policy::default(),
        steps_name: None,
    };
    let rules = Rules {
        alpha: Alpha::default(),
        skip: Duration::ZERO,
        set_aside: SetAside::None,
        gates: vec![GateRules {
            name: "errors".to_owned(),
            measure: Measure::Errors { floor: None, slo: None },
            margin: Margin::try_new(1.1).unwrap(),
            weight: 1.0,
            phi: Dispersion::try_new(1.0).unwrap(),
        }],
    };
    Course::new(Version("v2".to_owned()), plan, rules, Duration::from_mins(1), START_MS)
}

/// Looks once a minute; in each the canary has 100 requests with so many errors, stable 1,900 with
/// 19.
fn run(mut course: Course, minutes: u64, errors: f64) -> Course {
    for minute in 0..=minutes {
        let at_ms = START_MS + minute * MINUTE_MS;
        let counts = serin_judge::Counts::try_new(100.0, errors, 1_900.0, 19.0).unwrap();
        let interval = Interval { cohorts: Vec::new(), rest: counts };
        let gates = [("errors".to_owned(), vec![interval])].into();
        let counted = Counted { from_ms: at_ms - MINUTE_MS, to_ms: at_ms, gates };
        let counted = if minute == 0 { Vec::new() } else { vec![counted] };
        course.look(at_ms, counted, Vec::new());
        if course.end() != End::Undecided {
            break;
        }
    }
    course
}

fn reasons(course: &Course) -> Vec<Reason> {
    course.decisions.iter().map(|decided| decided.decision.reason).collect()
}

#[test]
fn a_healthy_version_goes_through_its_steps() {
    let course = run(course(vec![step("5%", 10), step("50%", 5)]), 60, 1.0);
    assert_eq!(course.end(), End::Succeeded);
    let last = course.decisions.last().unwrap();
    // The time of a step is counted from the look after the one that decided on it.
    assert_eq!(last.at_ms, START_MS + 17 * MINUTE_MS);
    assert_eq!((last.step, last.weight.as_str()), (2, "50%"));
    assert_eq!(course.looks.len(), 18);
}

#[test]
fn a_harmful_version_is_rolled_back_where_it_was() {
    let course = run(course(vec![step("5%", 30), step("50%", 5)]), 60, 20.0);
    assert_eq!(course.end(), End::RolledBack);
    let last = course.decisions.last().unwrap();
    assert_eq!((last.decision.reason, last.step, last.weight.as_str()), (Reason::Harm, 1, "5%"));
    let shown = course.looks.last().unwrap().gates[0].unwrap();
    assert!(shown.log_e > 100_f64.ln() && shown.low > 1.1, "{shown:?}");
}

#[test]
fn history_that_ends_early_decides_nothing() {
    let course = run(course(vec![step("5%", 30)]), 10, 1.0);
    assert_eq!(course.end(), End::Undecided);
    assert_eq!(course.state().phase, Phase::Progressing);
}

#[test]
fn a_person_approves_at_once() {
    let manual = Step { approval: Approval::Manual, ..step("5%", 10) };
    let course = run(course(vec![manual, step("50%", 5)]), 60, 1.0);
    assert_eq!(course.end(), End::Succeeded);
    assert!(reasons(&course).contains(&Reason::WaitingForApproval));
    assert_eq!(course.decisions.last().unwrap().at_ms, START_MS + 17 * MINUTE_MS);
}

#[test]
fn the_gates_counts_are_the_canarys_requests() {
    let demanding = Step { min_requests: 2_000, ..step("5%", 1) };
    let course = run(course(vec![demanding]), 60, 1.0);
    assert_eq!(course.end(), End::Succeeded);
    // 20 intervals of 100 requests, and the look after them.
    assert_eq!(course.decisions.last().unwrap().at_ms, START_MS + 21 * MINUTE_MS);
}

#[test]
fn a_gate_that_asks_by_itself_decides_too() {
    let mut course = course(vec![step("5%", 10)]);
    course.plan.gates.push("cpu".to_owned());
    for minute in 0..3 {
        let at_ms = START_MS + minute * MINUTE_MS;
        let verdict = if minute < 2 { Verdict::Pass } else { Verdict::Fail };
        let cpu = GateReading { gate: "cpu".to_owned(), at_ms, verdict, detail: String::new() };
        course.look(at_ms, Vec::new(), vec![cpu]);
    }
    assert_eq!(course.end(), End::RolledBack);
}
