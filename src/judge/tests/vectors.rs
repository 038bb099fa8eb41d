//! The reference values, to 1e-6.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use serde_json::Value;
use serin_judge::planning::{Chance, Traffic, detectable_ratio, time_to_detect};
use serin_judge::{
    Alpha, Counts, Dispersion, Interval, Likelihood, Look, Margin, OneSample, RatioTest, Rule,
    SetAside, Share, Split, Worse, combine,
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
            let counts = Counts::try_new(interval[0], interval[1], 0.0, 0.0).unwrap();
            floor.absorb(&counts, Look::Judged);
            close(floor.log_e(), expected, &case["name"].to_string());
        }
    }
}

fn likelihood(case: &Value) -> Likelihood {
    let mut likelihood = Likelihood::default();
    for interval in case["intervals_nc_xc_ns_xs"].as_array().unwrap() {
        likelihood.absorb(&counts(interval));
    }
    likelihood
}

#[test]
fn confidence_sequences() {
    let mut checked = 0;
    for section in ["a_realised_split_ratio", "c_conversion_drop"] {
        for case in vectors(section) {
            let Some(expected) = case["cs99_ratio_log_uniform_grid"].as_array() else { continue };
            let (low, high) = likelihood(&case).confidence(Alpha::try_new(0.01).unwrap());
            for (found, expected) in [low, high].into_iter().zip(expected) {
                let expected = number(expected);
                let off = (found / expected - 1.0).abs();
                assert!(off <= 1e-6, "{}: {found} and not {expected}", case["name"]);
                checked += 1;
            }
        }
    }
    assert!(checked >= 8, "{checked}");
}

#[test]
fn promote_evidence() {
    for case in vectors("d_noninferiority") {
        let found = likelihood(&case).promote_evidence(number(&case["rho1"]), Dispersion::NONE);
        close(found, &case["log_e"], &case["name"].to_string());
    }
}

#[test]
fn planning_and_its_inverse() {
    for case in vectors("f_planning") {
        let traffic = Traffic {
            requests_per_unit: number(&case["rps"]),
            canary_share: number(&case["w"]),
            stable_rate: number(&case["p"]),
            phi: Dispersion::NONE,
        };
        let margin = Margin::try_new(number(&case["rho0"])).unwrap();
        let alpha = Alpha::try_new(number(&case["alpha"])).unwrap();
        let ratio = number(&case["ratio"]);
        for (chance, expected) in
            [(Chance::Half, &case["seconds_median"]), (Chance::Ninety, &case["seconds_p90"])]
        {
            let time = time_to_detect(&traffic, ratio, margin, alpha, chance, None).unwrap();
            let off = (time / number(expected) - 1.0).abs();
            assert!(off <= 1e-8, "{time} and not {expected}");
            let worse = if ratio > 1.0 { Worse::Higher } else { Worse::Lower };
            let back = detectable_ratio(&traffic, (margin, worse), alpha, chance, time, None);
            assert!((back.unwrap() / ratio - 1.0).abs() <= 1e-9, "{back:?} and not {ratio}");
        }
    }
}

#[test]
fn split_mismatch() {
    for case in vectors("split_mismatch") {
        let (nc, ns) = (number(&case["nc"]), number(&case["ns"]));
        let mut split = Split::default();
        split.absorb(&Counts::try_new(nc, 0.0, ns, 0.0).unwrap());
        let found = split.log_e(Share::try_new(number(&case["w"])).unwrap());
        close(found, &case["log_e"], &format!("{nc} of {}", nc + ns));
    }
}

#[test]
fn slow_requests_beyond_each_bound() {
    let all: Value = serde_json::from_str(include_str!("vectors.json")).unwrap();
    let bounds = all["b_latency_exceedance"]["le_ms"].as_array().unwrap();
    for case in vectors("b_latency_exceedance") {
        let name = case["name"].to_string();
        let (rule, _) = rule(&case, Worse::Higher, SetAside::None);
        let grown = |side: &str| {
            let [start, end] = [0, 1].map(|at| numbers(&case[side][at]));
            end.iter().zip(&start).map(|(end, start)| end - start).collect::<Vec<_>>()
        };
        let sides = [grown("canary_cum_buckets_start_end"), grown("stable_cum_buckets_start_end")];
        let mut means = Vec::new();
        for threshold in case["per_threshold"].as_array().unwrap() {
            let bound = bounds.iter().position(|bound| *bound == threshold["le_ms"]).unwrap();
            let [(nc, xc), (ns, xs)] = sides.clone().map(|buckets| {
                let all = *buckets.last().unwrap();
                (all, all - buckets[bound])
            });
            close(xc, &threshold["slow_canary"], &name);
            close(xs, &threshold["slow_stable"], &name);
            let mut test = RatioTest::new(&rule, 0);
            let counts = Counts::try_new(nc, xc, ns, xs).unwrap();
            test.absorb(&rule, &Interval::whole(counts), Dispersion::NONE, Look::Judged);
            close(test.log_e_plain(), &threshold["log_e"], &name);
            means.push((1.0, test.log_e_plain()));
        }
        assert_eq!(means.len(), case["thresholds_ms"].as_array().unwrap().len());
        close(combine::log_mean(&means), &case["log_e_average"], &name);
    }
}

#[test]
fn means_of_several_metrics() {
    for case in vectors("e_combination") {
        assert_eq!(case["weights"], "uniform");
        let weighted: Vec<_> = numbers(&case["log_e"]).into_iter().map(|e| (0.25, e)).collect();
        let mean = combine::log_mean(&weighted);
        close(mean, &case["log_e_average"], &case["log_e"].to_string());
        let rejects = mean >= Alpha::try_new(0.01).unwrap().log_threshold();
        assert_eq!(rejects, case["average_rejects_at_.01"].as_bool().unwrap());
    }
}

/// Without restarts a block of counts is one factor: what the stake of one half, `ln 1/2`, and the
/// unspent half make of it in the first interval can be taken off again.
#[test]
fn floor_of_one_block() {
    for case in vectors("d_absolute_floor") {
        let (n, x) = (number(&case["n"]), number(&case["x"]));
        let mut floor = OneSample::new(Share::try_new(number(&case["p0"])).unwrap());
        floor.absorb(&Counts::try_new(n, x, 0.0, 0.0).unwrap(), Look::Judged);
        let plain = (2.0 * floor.log_e().exp() - 1.0).ln();
        close(plain, &case["log_e"], &format!("{x} of {n}"));
    }
}

#[test]
fn every_section_is_checked() {
    let all: Value = serde_json::from_str(include_str!("vectors.json")).unwrap();
    let sections: Vec<&str> = all.as_object().unwrap().keys().map(String::as_str).collect();
    let mut checked = vec![
        "_meta",
        "a_realised_split_ratio",
        "b_latency_exceedance",
        "c_conversion_drop",
        "d_absolute_floor",
        "d_noninferiority",
        "e_combination",
        "f_planning",
        "g_leave_worst_cohort_out",
        "h_floor_with_restarts",
        "split_mismatch",
    ];
    checked.sort_unstable();
    let mut sections = sections;
    sections.sort_unstable();
    assert_eq!(sections, checked);
    assert!(
        (number(&all["_meta"]["threshold_log_e"]) - Alpha::default().log_threshold()).abs() < 1e-6
    );
}
