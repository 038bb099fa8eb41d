//! The reference values, to 1e-6.

use serde_json::Value;
use serin_judge::{
    Counts, Dispersion, Interval, Look, Margin, OneSample, RatioTest, Rule, SetAside, Share, Worse,
};

fn vectors(section: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("vectors.json")).unwrap();
    all[section]["cases"].as_array().unwrap().clone()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

#[track_caller]
fn close(found: f64, expected: &Value, what: &str) {
    let expected = number(expected);
    assert!((found - expected).abs() <= 1e-6, "{what}: {found} and not {expected}");
}

fn counts(value: &Value) -> Counts {
    let [nc, xc, ns, xs] = numbers(value).try_into().unwrap();
    Counts::try_new(nc, xc, ns, xs).unwrap()
}

fn rule(case: &Value, worse: Worse, set_aside: SetAside) -> (Rule, Dispersion) {
    let margin = Margin::try_new(number(&case["rho0"])).unwrap();
    let phi = Dispersion::try_new(case["phi"].as_f64().unwrap_or(1.0)).unwrap();
    (Rule { worse, margin, floor: None, set_aside }, phi)
}

#[test]
fn ratio_test_after_each_interval() {
    for (section, worse) in
        [("a_realised_split_ratio", Worse::Higher), ("c_conversion_drop", Worse::Lower)]
    {
        for case in vectors(section) {
            let (rule, phi) = rule(&case, worse, SetAside::None);
            let mut test = RatioTest::new(&rule, 0);
            let intervals = case["intervals_nc_xc_ns_xs"].as_array().unwrap();
            let expected = case["log_e_plain_and_restart_after_each_interval"].as_array().unwrap();
            assert_eq!(intervals.len(), expected.len());
            for (interval, expected) in intervals.iter().zip(expected) {
                test.absorb(&rule, &Interval::whole(counts(interval)), phi, Look::Judged);
                close(test.log_e_plain(), &expected[0], &case["name"].to_string());
                close(test.log_e(), &expected[1], &case["name"].to_string());
            }
        }
    }
}

#[test]
fn worst_cohorts_left_out() {
    for case in vectors("g_leave_worst_cohort_out") {
        let worse = serde_json::from_value(case["worse"].clone()).unwrap();
        let (rule, phi) = rule(&case, worse, SetAside::Two);
        let intervals = case["intervals_cohorts_nc_xc_ns_xs"].as_array().unwrap();
        let cohorts = intervals[0].as_array().unwrap().len();
        let mut test = RatioTest::new(&rule, cohorts);
        for (interval, expected) in
            intervals.iter().zip(case["after_each_interval"].as_array().unwrap())
        {
            let cohorts = interval.as_array().unwrap().iter().map(counts).collect();
            let interval = Interval { cohorts, rest: Counts::ZERO };
            test.absorb(&rule, &interval, phi, Look::Judged);
            let name = case["name"].to_string();
            close(test.log_e(), &expected["log_e"], &name);
            close(test.log_e_worst_one().unwrap(), &expected["log_e_worst"], &name);
            close(test.log_e_worst_two().unwrap(), &expected["log_e_worst_two"], &name);
            let left_out = expected["log_e_left_out"].as_array().unwrap();
            assert_eq!(test.log_e_left_out().count(), left_out.len());
            for (found, expected) in test.log_e_left_out().zip(left_out) {
                close(found, expected, &name);
            }
        }
    }
}

#[test]
fn floor_with_restarts() {
    for case in vectors("h_floor_with_restarts") {
        let mut floor = OneSample::new(Share::try_new(number(&case["p0"])).unwrap());
        let expected = case["log_floor_after_each"].as_array().unwrap();
        for (interval, expected) in case["intervals_nc_xc"].as_array().unwrap().iter().zip(expected)
        {
            let interval = numbers(interval);
            floor.absorb(interval[0], interval[1], Look::Judged);
            close(floor.log_e(), expected, &case["name"].to_string());
        }
    }
}
