//! What the figures must be, and how they are told.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::ends::Ends;
use super::figures::Figures;

/// Fewer users or requests would prove little.
const LEAST_USERS: usize = 2_000;
const LEAST_RATE: f64 = 200.0;
/// How many of the answers against the rule the report holds.
const SHOWN_VIOLATIONS: usize = 20;

/// What did not hold, one sentence each.
#[must_use]
pub fn failures(figures: &Figures, ends: &Ends) -> Vec<String> {
    let acts = Ends::WANTED.iter().enumerate().map(|(index, wanted)| {
        let ended = ends.phases.get(index).map_or("not played", String::as_str);
        (ended == *wanted, format!("act {} ended {ended} and not {wanted}", index + 1))
    });
    let thresholds = ends.threshold_after.iter().zip(3..).map(|(after, act)| {
        (
            after.is_some(),
            format!("in act {act} the threshold rule would not have rolled back either"),
        )
    });
    let checks = [
        (ends.reached_full, "act 1 did not reach 100 %".to_owned()),
        (ends.evidence.is_some(), "act 2 did not go back for harm".to_owned()),
        (ends.named.is_some(), "no decision of act 4 names the broken client's cohort".to_owned()),
        (
            figures.changed_sides == 0,
            format!("{} users changed sides against the rule", figures.changed_sides),
        ),
        (
            figures.failed_by_weights == 0,
            format!("{} requests failed by moving weights", figures.failed_by_weights),
        ),
        (figures.users >= LEAST_USERS, format!("only {} users", figures.users)),
        (
            figures.requests_per_second >= LEAST_RATE,
            format!("only {:.0} requests/s", figures.requests_per_second),
        ),
        (figures.fault_to_zero_ms.is_some(), "the bad version never failed".to_owned()),
    ];
    acts.chain(thresholds)
        .chain(checks)
        .filter_map(|(held, sentence)| (!held).then_some(sentence))
        .collect()
}

/// Leaves the figures for programs.
///
/// # Errors
/// Where the file cannot be written.
pub fn write(file: &Path, figures: &Figures, ends: &Ends, failed: &[String]) -> Result<()> {
    let text = serde_json::to_string_pretty(&to_json(figures, ends, failed))?;
    fs::write(file, text + "\n").with_context(|| format!("writing {}", file.display()))
}

fn to_json(figures: &Figures, ends: &Ends, failed: &[String]) -> Value {
    let steps = figures
        .steps
        .iter()
        .map(|step| json!({"weight": step.weight, "share": step.share, "requests": step.requests}));
    let revisions = figures.revisions.iter().map(|one| {
        json!({"revision": one.revision, "weight": one.weight, "applied_after_ms": one.after_ms})
    });
    let violations = figures.violations.iter().take(SHOWN_VIOLATIONS).map(|violation| {
        let possible = violation.possible.iter().map(|(revision, bucket, weight)| {
            json!({"revision": revision, "bucket": bucket, "weight": weight})
        });
        json!({
            "user": violation.user,
            "sent_us": violation.sent_us,
            "served": violation.served,
            "possible": possible.collect::<Vec<_>>(),
        })
    });
    json!({
        "held": failed.is_empty(),
        "failed": failed,
        "acts": ends.phases,
        "evidence": ends.evidence,
        "threshold_rule_after_s": ends.threshold_after,
        "broken_client": {"cohort": ends.cohort, "named_in": ends.named},
        "requests": figures.requests,
        "users": figures.users,
        "requests_per_second": figures.requests_per_second,
        "changed_sides": figures.changed_sides,
        "violations": violations.collect::<Vec<_>>(),
        "users_seen_to_differ": figures.users_seen_to_differ,
        "failed_by_weights": figures.failed_by_weights,
        "first_failure": figures.first_failure,
        "fault_to_zero_ms": figures.fault_to_zero_ms,
        "users_hurt": figures.users_hurt,
        "observed_share": steps.collect::<Vec<_>>(),
        "revisions": revisions.collect::<Vec<_>>(),
    })
}

/// Tells people.
pub fn print(figures: &Figures, ends: &Ends, failed: &[String]) {
    let ms = |value: Option<u64>| value.map_or("never".to_owned(), |ms| format!("{ms} ms"));
    println!("\n{:<52}{:>12}", "requests", figures.requests);
    println!("{:<52}{:>12}", "users", figures.users);
    println!("{:<52}{:>12.0}", "requests per second", figures.requests_per_second);
    println!("{:<52}{:>12}", "users that changed sides against the rule", figures.changed_sides);
    println!("{:<52}{:>12}", "requests failed by moving weights", figures.failed_by_weights);
    println!("{:<52}{:>12}", "fault to zero (act 2)", ms(figures.fault_to_zero_ms));
    println!("{:<52}{:>12}", "users hurt by the bad version", figures.users_hurt);
    println!(
        "{:<52}{:>12}",
        "users that saw both sides while a change spread", figures.users_seen_to_differ
    );
    println!("\n{:<30}{:<34}Serin", "", "threshold rule (99 %, five looks)");
    for (act, (after, phase)) in ["3: as noisy as before", "4: a broken client"]
        .iter()
        .zip(ends.threshold_after.iter().zip(ends.phases.iter().skip(2)))
    {
        let threshold = after.map_or("would have gone on".to_owned(), |seconds| {
            format!("would have rolled back ({seconds} s)")
        });
        println!("  act {act:<24}{threshold:<34}{phase}");
    }
    if let Some(named) = &ends.named {
        println!("  act 4's cohort, in a decision: {named}");
    }
    println!("\nobserved share");
    for step in &figures.steps {
        println!(
            "  {:>5}  {:>6.2} % of {} requests",
            step.weight,
            step.share * 100.0,
            step.requests
        );
    }
    println!("\nfrom publication to the last worker");
    for one in &figures.revisions {
        println!("  {} ({:>4})  {}", one.revision, one.weight, ms(one.after_ms));
    }
    println!();
    for sentence in failed {
        println!("FAILED: {sentence}");
    }
    if let Some(why) = &figures.first_failure {
        println!("        first failed request: {why}");
    }
    if failed.is_empty() {
        println!("All held.");
    }
}

#[cfg(test)]
mod tests {
    use super::{failures, to_json};
    use crate::demo::ends::Ends;
    use crate::demo::figures::Figures;

    fn good() -> Figures {
        Figures {
            requests: 20_000,
            users: 2_400,
            requests_per_second: 299.0,
            changed_sides: 0,
            violations: Vec::new(),
            users_seen_to_differ: 0,
            failed_by_weights: 0,
            first_failure: None,
            fault_to_zero_ms: Some(2_000),
            users_hurt: 20,
            steps: Vec::new(),
            revisions: Vec::new(),
        }
    }

    fn ends() -> Ends {
        Ends {
            reached_full: true,
            phases: Ends::WANTED.map(str::to_owned).to_vec(),
            second_us: (0, 1),
            evidence: Some("back to stable".into()),
            threshold_after: [Some(20), Some(12)],
            cohort: Some(7),
            named: Some("0.3 without cohort 7: it comes from there alone".into()),
        }
    }

    #[test]
    fn each_promise_can_fail() {
        assert!(failures(&good(), &ends()).is_empty());
        let broken: [fn(&mut Figures, &mut Ends); 13] = [
            |_, ends| ends.reached_full = false,
            |_, ends| ends.phases[0] = "RolledBack".into(),
            |_, ends| ends.phases[1] = "Succeeded".into(),
            |_, ends| ends.phases[2] = "RolledBack".into(),
            |_, ends| ends.phases.truncate(3),
            |_, ends| ends.evidence = None,
            |_, ends| ends.threshold_after[1] = None,
            |_, ends| ends.named = None,
            |figures, _| figures.changed_sides = 1,
            |figures, _| figures.failed_by_weights = 1,
            |figures, _| figures.users = 1_999,
            |figures, _| figures.requests_per_second = 199.9,
            |figures, _| figures.fault_to_zero_ms = None,
        ];
        for (number, break_it) in broken.iter().enumerate() {
            let (mut figures, mut ends) = (good(), ends());
            break_it(&mut figures, &mut ends);
            assert_eq!(failures(&figures, &ends).len(), 1, "promise {number}");
        }
    }

    #[test]
    fn the_report_has_the_agreed_keys() {
        let report = to_json(&good(), &ends(), &[]);
        for key in [
            "requests",
            "users",
            "changed_sides",
            "failed_by_weights",
            "fault_to_zero_ms",
            "users_hurt",
            "observed_share",
        ] {
            assert!(report.get(key).is_some(), "{key}");
        }
    }
}
