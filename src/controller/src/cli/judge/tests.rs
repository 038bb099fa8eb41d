use clap::Parser as _;
use serde_json::Value;

use super::*;

#[derive(Debug, clap::Parser)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

fn args(options: &[&str]) -> Args {
    Cli::try_parse_from(["judge"].iter().chain(options)).unwrap().args
}

/// The lines of an answer, and how it ended.
fn answers(options: &[&str], input: &str) -> (Vec<Value>, Result<(), Failure>) {
    let mut out = Vec::new();
    let done = judge(&args(options), input.as_bytes(), &mut out);
    let text = String::from_utf8(out).unwrap();
    (text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), done)
}

fn answered(options: &[&str], input: &str) -> Vec<Value> {
    let (lines, done) = answers(options, input);
    done.unwrap();
    lines
}

fn counts([nc, xc, ns, xs]: [f64; 4]) -> String {
    format!("{{\"gate\": \"errors\", \"nc\": {nc}, \"xc\": {xc}, \"ns\": {ns}, \"xs\": {xs}}}\n")
}

fn near(found: &Value, expected: f64) {
    let found = found.as_f64().unwrap();
    assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
}

/// The reference values of a section.
fn vectors(section: &str) -> Vec<Value> {
    let all: Value =
        serde_json::from_str(include_str!("../../../../judge/tests/vectors.json")).unwrap();
    all[section]["cases"].as_array().unwrap().clone()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn number_of(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

#[test]
fn ratios_have_their_reference_values() {
    for (section, worse) in [("a_realised_split_ratio", "higher"), ("c_conversion_drop", "lower")] {
        for case in vectors(section) {
            let rows = list(&case["intervals_nc_xc_ns_xs"]).iter();
            let rows = rows.map(|row| counts([0, 1, 2, 3].map(|index| number_of(&row[index]))));
            let (rho0, phi) = (case["rho0"].to_string(), case["phi"].to_string());
            let options = ["--rho0", &rho0, "--phi", &phi, "--worse", worse, "--floor", "0"];
            let lines = answered(&options, &rows.collect::<String>());
            let expected = list(&case["log_e_plain_and_restart_after_each_interval"]);
            assert_eq!(lines.len(), expected.len(), "{case}");
            for (line, both) in lines.iter().zip(expected) {
                near(&line["log_e_plain"], number_of(&both[0]));
                near(&line["log_e"], number_of(&both[1]));
                for absent in ["log_e_worst", "log_e_worst_two", "log_floor"] {
                    assert_eq!(line[absent], Value::Null, "{absent}");
                }
                let decided = if number_of(&both[1]) >= 4.6052 { "rollback" } else { "pass" };
                assert!(line["verdict"] == decided || line["verdict"] == "hold", "{line}");
            }
            let bounds = case["cs99_ratio_log_uniform_grid"].as_array();
            for (name, bound) in
                ["ratio_low", "ratio_high"].iter().zip(bounds.into_iter().flatten())
            {
                let found = number_of(&lines.last().unwrap()[name]);
                assert!(
                    (found / number_of(bound) - 1.0).abs() < 1e-6,
                    "{name}: {found}, not {bound}"
                );
            }
        }
    }
}

#[test]
fn cohorts_have_their_reference_values() {
    for case in vectors("g_leave_worst_cohort_out") {
        let rows = list(&case["intervals_cohorts_nc_xc_ns_xs"]).iter();
        let rows = rows.map(|row| format!("{{\"gate\": \"errors\", \"cohorts\": {row}}}\n"));
        let rho0 = case["rho0"].to_string();
        let options = ["--rho0", &rho0, "--worse", case["worse"].as_str().unwrap()];
        let lines = answered(&options, &rows.collect::<String>());
        let expected = list(&case["after_each_interval"]);
        assert_eq!(lines.len(), expected.len());
        for (line, expected) in lines.iter().zip(expected) {
            for name in ["log_e", "log_e_worst", "log_e_worst_two"] {
                near(&line[name], number_of(&expected[name]));
            }
        }
    }
}

#[test]
fn the_floor_has_its_reference_values() {
    for case in vectors("h_floor_with_restarts") {
        let rows = list(&case["intervals_nc_xc"]).iter();
        let rows = rows.map(|row| counts([number_of(&row[0]), number_of(&row[1]), 1.0, 0.0]));
        let lines = answered(&["--floor", &case["p0"].to_string()], &rows.collect::<String>());
        for (line, expected) in lines.iter().zip(list(&case["log_floor_after_each"])) {
            near(&line["log_floor"], number_of(expected));
        }
    }
}

#[test]
fn conversions_have_no_floor_unless_asked_for() {
    let input = counts([400., 0., 7600., 228.]);
    let [line] = answered(&["--worse", "lower"], &input).try_into().unwrap();
    assert_eq!((&line["log_floor"], &line["verdict"]), (&Value::Null, &"rollback".into()));
    near(&line["ratio"], 0.001);
    let [line] = answered(&["--worse", "lower", "--floor", "0.01"], &input).try_into().unwrap();
    assert_eq!(line["verdict"], "hold");
}

#[test]
fn cohorts_are_set_aside_for_the_verdict() {
    // All failures of a cohort: enough for all counts, nothing without it.
    let broken = "{\"gate\": \"errors\", \"nc\": 1, \"xc\": 0, \"ns\": 19, \"xs\": 0, \"cohorts\": \
        [[100,60,1900,10],[100,1,1900,10],[100,0,1900,9]]}\n";
    for (set_aside, verdict) in [("0", "rollback"), ("1", "pass"), ("2", "pass")] {
        let lines = answered(&["--set-aside", set_aside], broken);
        assert_eq!(lines[0]["verdict"], verdict, "{set_aside}: {lines:?}");
    }
}

#[test]
fn the_floor_keeps_rare_errors_from_rolling_back() {
    let rare = counts([2_000_000., 60., 38_000_000., 190.]);
    let [line] = answered(&[], &rare).try_into().unwrap();
    assert!(line["log_e"].as_f64().unwrap() > 4.7, "{line}");
    assert!(line["log_floor"].as_f64().unwrap() < 0.0, "{line}");
    assert_eq!(line["verdict"], "hold");
    assert_eq!(answered(&["--floor", "0"], &rare)[0]["verdict"], "rollback");
}

#[test]
fn a_rollback_latches() {
    let harm = counts([1000., 100., 19_000., 95.]);
    let fine = counts([100_000., 0., 1_900_000., 9500.]);
    let lines = answered(&[], &format!("{harm}{fine}"));
    assert!(lines[1]["log_e"].as_f64().unwrap() < 0.0, "{}", lines[1]);
    assert_eq!([&lines[0]["verdict"], &lines[1]["verdict"]], ["rollback", "rollback"]);
}

#[test]
fn an_interval_with_nothing_to_compare_still_answers() {
    let [only_canary, nothing, both] =
        [[10., 1., 0., 0.], [0., 0., 0., 0.], [1000., 0., 1000., 0.]].map(counts);
    let lines = answered(&[], &[only_canary, nothing, both].concat());
    assert_eq!(
        lines.iter().map(|line| &line["verdict"]).collect::<Vec<_>>(),
        ["hold", "hold", "pass"]
    );
    for line in &lines {
        near(&line["log_e"], 0.0);
        near(&line["log_e_plain"], 0.0);
        assert_eq!((&line["ratio"], &line["detectable_ratio"]), (&Value::Null, &Value::Null));
        near(&line["ratio_low"], 0.001);
        near(&line["ratio_high"], 1000.0);
    }
}

#[test]
fn the_detectable_ratio_falls_with_time() {
    let input = counts([1200., 6., 22_800., 114.]).repeat(40);
    let lines = answered(&[], &input);
    let at = |line: usize| lines[line - 1]["detectable_ratio"].as_f64().unwrap();
    assert!(at(1) > at(10) && at(10) > at(40) && at(40) > 1.1, "{} {} {}", at(1), at(10), at(40));
    // 1.5x at 400 requests a second, 5 % and .5 % takes 1,996 s, which is 33.3 minutes.
    assert!(at(33) > 1.5 && at(34) < 1.5, "{} {}", at(33), at(34));
    // With events that count half, twice the time: 66.5 minutes.
    let halved = answered(&["--phi", "2"], &input);
    assert!(halved[39]["detectable_ratio"].as_f64().unwrap() > at(21));
}

#[test]
fn a_bad_line_ends_it_with_its_number() {
    let good = counts([100., 1., 1900., 10.]);
    let cohorts = |lists: &str| format!("{{\"gate\":\"errors\",\"cohorts\":{lists}}}");
    for (bad, rule) in [
        ("nonsense".to_owned(), "column 2: expected ident"),
        (String::new(), "EOF while parsing"),
        ("[]".to_owned(), "invalid length 0"),
        ("{\"gate\":\"errors\",\"nc\":1,\"xc\":0,\"ns\":1}".to_owned(), "together or not at all"),
        ("{\"gate\":\"errors\"}".to_owned(), "or cohorts are wanted"),
        ("{\"nc\":1,\"xc\":0,\"ns\":1,\"xs\":0}".to_owned(), "missing field `gate`"),
        (counts([1., 0., 1., 0.]).replace('}', ",\"n\":1}"), "unknown field `n`"),
        (counts([1., 0., 1., 0.]).replace('}', ",\"nc\":1}"), "duplicate field `nc`"),
        (counts([-1., 0., 1., 0.]), "nc is -1"),
        (counts([1., 2., 1., 0.]), "xc is 2 and nc is 1"),
        (counts([1., 0., 1., 0.]).replace("errors", "latency"), "one gate a run"),
        (cohorts("[]"), "it has 0 cohorts"),
        (cohorts("[[1,0,1,0]]"), "it has 1 cohorts, and the first line 0"),
        (cohorts("[[1,0,1]]"), "invalid length 3"),
        (cohorts("[[1,0,1,0],[1,0,1,2]]"), "cohorts[1]: xs is 2 and ns is 1"),
        (format!("{good}{}", " ".repeat(1 << 20)).split_off(good.len()) + " ", "more than 1048576"),
    ] {
        let (lines, done) = answers(&[], &format!("{good}{}\n{good}", bad.trim_end_matches('\n')));
        let failure = done.unwrap_err();
        let said = format!("{:#}", failure.error());
        assert_eq!((lines.len(), failure.exit()), (1, Exit::Usage), "{bad}");
        assert!(said.starts_with("standard input, line 2: "), "{said}");
        assert!(said.contains(rule), "{said}");
    }
}

#[test]
fn a_last_line_needs_no_end() {
    let line = counts([100., 1., 1900., 10.]);
    assert_eq!(answered(&[], line.trim_end()), answered(&[], &line));
}

#[test]
fn options_are_checked() {
    for (option, value, rule) in [
        ("--rho0", "0", "a margin is a ratio from"),
        ("--alpha", "1", "alpha lies between 0 and 1"),
        ("--floor", "1", "a share lies between 0 and 1"),
        ("--phi", "0.5", "a dispersion is a number from 1"),
        ("--phi", "much", "a number is wanted"),
        ("--set-aside", "3", "0, 1 or 2 cohorts"),
        ("--worse", "other", "[possible values: higher, lower]"),
    ] {
        let said = Cli::try_parse_from(["judge", option, value]).unwrap_err().to_string();
        assert!(said.contains(rule), "{said}");
    }
}
