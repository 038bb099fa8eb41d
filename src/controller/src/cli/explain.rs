//! `serin explain`

use core::fmt::Write as _;

use anstyle::Style;
use serin_assignment::Weight;
use serin_judge::{SetAside, Share, Worse};
use serin_rollout::Reason;

use super::client::{Client, Target, choose};
use super::tones::{BAD, BOLD, DIM};
use super::{Exit, Failure, Output, block_on, print};
use crate::folded::Folded;
use crate::status::{Decision, GateTest, Status};
use crate::store::Given;

/// Say why each decision of a release was taken.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    /// How to print. JSON has all that each decision follows from: the state before it, what was
    /// observed, the time, what the evidence said, and the plan and the gates' rules.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// Print the intervals that this gate's evidence is made from instead, as lines for `serin
    /// judge`.
    #[arg(long, value_name = "GATE", conflicts_with = "output")]
    intervals: Option<String>,
    /// Which of a latency gate's bounds, counted from 1.
    #[arg(long, value_name = "NUMBER", requires = "intervals", default_value_t = 1)]
    bound: usize,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let client = Client::new(&args.target)?;
    let release = args.target.release.as_deref();
    if let Some(gate) = &args.intervals {
        let lines = block_on(async {
            let release = choose(client.list().await?, release)?;
            client.intervals(&release, gate, args.bound).await
        })??;
        print(&lines)?;
        return Ok(Exit::Ok);
    }
    let status = block_on(async { client.whole(&choose(client.list().await?, release)?).await })??;
    match args.output {
        Output::Json => print(&format!("{}\n", serde_json::to_string_pretty(&json(&status))?))?,
        Output::Text => print(&text(&status)?)?,
    }
    Ok(Exit::Ok)
}

/// All that is known of the decisions.
pub(super) fn json(status: &Status) -> serde_json::Value {
    serde_json::json!({
        "namespace": status.namespace,
        "name": status.name,
        "version": status.version,
        "decisions": status.decisions,
    })
}

fn text(status: &Status) -> Result<String, core::fmt::Error> {
    let mut text = String::new();
    writeln!(text, "{BOLD}{}{BOLD:#}  version {}", status.key(), status.version)?;
    write_decisions(&mut text, status)?;
    for gate in &status.gates {
        if let Some(evidence) = &gate.evidence {
            writeln!(
                text,
                "{DIM}{}, computed again:{DIM:#} serin explain {} --intervals {} | serin judge {}",
                gate.name,
                status.key(),
                gate.name,
                options(&evidence.test)
            )?;
        }
    }
    Ok(text)
}

/// A sentence a decision, the oldest first.
pub(super) fn write_decisions(text: &mut String, status: &Status) -> core::fmt::Result {
    let mut before = None;
    for decision in &status.decisions {
        let tone = tone(decision.reason);
        writeln!(
            text,
            "{DIM}{:.0}{DIM:#}  {tone}{:?}{tone:#}  {}\n    {}{}",
            decision.at,
            decision.reason,
            weights(decision, before),
            decision.message,
            asked(decision)
        )?;
        before = Some(decision.weight);
    }
    Ok(())
}

/// Who asked for what, where a person did.
fn asked(decision: &Decision) -> String {
    let asked = |given: &Given| format!(" ({} asked for by {})", given.command, given.by);
    decision.given.as_ref().map(asked).unwrap_or_default()
}

/// What tells `serin judge` the gate's test.
fn options(test: &GateTest) -> String {
    let worse = match test.worse {
        Worse::Higher => "higher",
        Worse::Lower => "lower",
    };
    let set_aside = match test.set_aside {
        SetAside::None => 0,
        SetAside::One => 1,
        SetAside::Two => 2,
    };
    let floor = test.floor.map_or(0.0, Share::get);
    format!(
        "--rho0 {} --worse {worse} --alpha {} --floor {floor} --phi {} --set-aside {set_aside}",
        test.margin, test.alpha, test.phi
    )
}

/// `5% -> 25%`, or one of them where it stayed. The weight before it is that of its inputs, or that
/// of the decision before it, since each that changes the weight is logged.
fn weights(decision: &Decision, earlier: Option<Weight>) -> String {
    let inputs = decision.inputs.as_ref().map(Folded::unfold).unwrap_or_default();
    let before = inputs.pointer("/state/traffic/weight").and_then(serde_json::Value::as_str);
    let before = before.and_then(|weight| weight.parse().ok()).or(earlier);
    match before {
        Some(before) if before != decision.weight => format!("{before} -> {}", decision.weight),
        _ => decision.weight.to_string(),
    }
}

const fn tone(reason: Reason) -> Style {
    match reason {
        Reason::Harm | Reason::CanaryNotReady | Reason::Frozen | Reason::RouteUnusable => BAD,
        _ => BOLD,
    }
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;

    use super::*;
    use crate::status::example;

    #[test]
    fn each_decision_is_a_sentence_with_its_numbers() {
        let mut status = example();
        status.decisions[0].inputs =
            Folded::of(&serde_json::json!({"state": {"traffic": {"weight": "5%"}}}));
        let shown = strip_str(&text(&status).unwrap()).to_string();
        assert_eq!(
            shown,
            "demo/shop  version v2\n2026-11-23T19:00:00Z  Advanced  5% -> 25%\n    rising from 5% \
             to 25%\nerrors, computed again: serin explain demo/shop --intervals errors | serin \
             judge --rho0 1.1 --worse higher --alpha 0.01 --floor 0.001 --phi 1 --set-aside 1\n"
        );
        // A record that did not keep them still says what it knows.
        status.decisions[0].inputs = None;
        assert!(text(&status).unwrap().contains("  25%\n"));
    }

    #[test]
    fn a_decision_whose_inputs_were_not_kept_goes_on_from_the_one_before() {
        let mut status = example();
        let mut next = status.decisions[0].clone();
        next.weight = Weight::ZERO;
        next.inputs = None;
        next.given = Some(Given { command: "abort".to_owned(), by: "Ada".to_owned() });
        status.decisions.push(next);
        let shown = strip_str(&text(&status).unwrap()).to_string();
        assert!(shown.contains("  25% -> 0%\n"), "{shown}");
        assert!(shown.contains(" (abort asked for by Ada)\n"), "{shown}");
    }

    #[test]
    fn programs_get_all_that_a_decision_follows_from() {
        let json = json(&example());
        assert!(json["decisions"][0]["inputs"]["state"].is_object(), "{json}");
    }
}
