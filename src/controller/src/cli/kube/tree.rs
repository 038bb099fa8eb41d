//! A release's object in a terminal. Styles are taken out again where nobody can see them.

use core::fmt::Write as _;

use kube::api::DynamicObject;
use serde_json::Value;
use serin_assignment::Weight;
use serin_rollout::Side;

use super::shown::{self, Decision, Gate, Given, Shown};
use crate::cli::tones::{BAD, BOLD, DIM, GOOD, WAIT};
use crate::operator::shown_serving;

/// Width of the weight's bar, in characters: one for each 5 %.
const BAR: u16 = 20;

/// How many decisions are shown.
const DECISIONS: usize = 8;

/// `namespace/name`.
pub(super) fn key(object: &DynamicObject) -> String {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    format!("{}/{}", text(&object.metadata.namespace), text(&object.metadata.name))
}

/// The release with its sides, steps and gates.
pub(super) fn of(object: &DynamicObject) -> String {
    let Some(status) = shown::read(object) else {
        let what = format!("{WAIT}its status is of another version of Serin{WAIT:#}");
        return format!("{BOLD}{}{BOLD:#}  {what}\n", key(object));
    };
    let mut branches = sides(object, &status);
    branches.extend(steps(object, &status).map(Branch::leaf));
    branches.extend(status.gates.iter().map(gate));
    if let Some(tripped) = status.tripped_proxies.filter(|tripped| *tripped > 0) {
        let proxies = if tripped == 1 { "proxy" } else { "proxies" };
        let told = format!("tripped {BAD}{tripped} {proxies}{BAD:#}, where everyone is on stable");
        branches.push(Branch::leaf(told));
    }
    for alert in &status.alerts {
        branches.push(Branch::leaf(format!("{BAD}{}{BAD:#} since {}", alert.name, alert.since)));
    }
    branches.extend(status.commands.last().map(given));
    if let Some(message) = &status.message {
        branches.push(Branch::leaf(message.clone()));
    }
    let root = format!("{BOLD}{}{BOLD:#}  {}", key(object), phase(&status));
    draw(&Branch { text: root, below: branches })
}

/// The newest decisions, a line each.
pub(super) fn decisions(object: &DynamicObject) -> String {
    let decisions = shown::read(object).unwrap_or_default().decisions;
    let hidden = decisions.len().saturating_sub(DECISIONS);
    let line = |it: &Decision| format!("{DIM}{}{DIM:#}  {:>6}  {}\n", it.at, it.weight, it.message);
    decisions.iter().skip(hidden).map(line).collect()
}

fn phase(status: &Shown) -> String {
    let Some(phase) = &status.phase else {
        return format!("{WAIT}no controller has seen it{WAIT:#}");
    };
    let tone = match phase.as_str() {
        "Succeeded" => GOOD,
        "RollingBack" | "RolledBack" => BAD,
        _ => BOLD,
    };
    let paused = if status.paused.is_some() { " (paused)" } else { "" };
    let version = status.version.as_ref().map(|version| format!("  version {version}"));
    format!("{tone}{phase}{paused}{tone:#}{}", version.unwrap_or_default())
}

/// The two sides, with the Deployments where it names them, and the canary's share.
fn sides(object: &DynamicObject, status: &Shown) -> Vec<Branch> {
    // By their roles, which a swap changes.
    let (stable, on_trial) = match shown_serving(object) {
        Side::First => ("stable", "canary"),
        Side::Second => ("canary", "stable"),
    };
    let name = |side: &str| {
        let named = object.data.pointer(&format!("/spec/target/{side}")).and_then(Value::as_str);
        named.map_or_else(String::new, |name| format!("  {name}"))
    };
    let mut canary = format!("canary{}", name(on_trial));
    if let Some(weight) = &status.weight {
        let _ = write!(canary, "  {} {weight}", bar(weight));
    }
    if let Some(share) = &status.mirror {
        let _ = write!(canary, "  {share} mirrored, it answers nobody");
    }
    if let Some(share) = &status.observed_share {
        let _ = write!(canary, "  seen {share}");
    }
    vec![Branch::leaf(format!("stable{}", name(stable))), Branch::leaf(canary)]
}

fn bar(weight: &str) -> String {
    let points = weight.parse::<Weight>().map_or(0, |weight| u32::from(weight.basis_points()));
    // Rounded up, so that a canary with any weight at all shows.
    let full = usize::try_from((points * u32::from(BAR)).div_ceil(10_000)).unwrap_or_default();
    let empty = usize::from(BAR).saturating_sub(full);
    format!("{}{DIM}{}{DIM:#}", "█".repeat(full), "░".repeat(empty))
}

/// The weights of the steps, with the present one set off.
fn steps(object: &DynamicObject, status: &Shown) -> Option<String> {
    let steps = object.data.pointer("/spec/steps")?.as_array()?;
    let over = status.phase.as_deref() == Some("Succeeded");
    let weights = steps.iter().zip(1..).map(|(step, number)| {
        let weight = step.get("weight").and_then(Value::as_str).unwrap_or("?");
        match () {
            () if over || number < status.step => format!("{GOOD}{weight}{GOOD:#}"),
            () if number == status.step => format!("{BOLD}▸{weight}{BOLD:#}"),
            () => format!("{DIM}{weight}{DIM:#}"),
        }
    });
    Some(format!("steps   {}", weights.collect::<Vec<_>>().join("  ")))
}

fn gate(gate: &Gate) -> Branch {
    let tone = match gate.verdict.as_str() {
        "pass" => GOOD,
        "fail" => BAD,
        _ => WAIT,
    };
    let text = format!("gate {}  {tone}{}{tone:#}", gate.name, gate.verdict);
    Branch { text, below: vec![Branch::leaf(gate.detail.clone())] }
}

/// Who said what last, and what became of it.
fn given(given: &Given) -> Branch {
    let Given { command, by, at, outcome } = given;
    Branch::leaf(format!("command {command} by {by} at {at}: {outcome}"))
}

/// A line with lines that belong to it.
struct Branch {
    text: String,
    below: Vec<Branch>,
}

impl Branch {
    fn leaf(text: String) -> Self {
        Self { text, below: Vec::new() }
    }
}

fn draw(root: &Branch) -> String {
    let mut text = format!("{}\n", root.text);
    draw_below(&mut text, root, "");
    text
}

fn draw_below(text: &mut String, branch: &Branch, indent: &str) {
    let last = branch.below.len().saturating_sub(1);
    for (number, below) in branch.below.iter().enumerate() {
        let (joint, further) = if number == last { ("└─", "   ") } else { ("├─", "│  ") };
        let _ = writeln!(text, "{DIM}{indent}{joint}{DIM:#} {}", below.text);
        draw_below(text, below, &format!("{indent}{further}"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    fn object(status: &Value) -> DynamicObject {
        serde_json::from_value(json!({
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {
                "target": {"stable": "web", "canary": "web-canary"},
                "steps": [{"weight": "5%"}, {"weight": "25%"}, {"weight": "100%"}],
            },
            "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn a_release_shows_its_sides_steps_and_gates() {
        let object = object(&json!({
            "phase": "Progressing", "version": "5d4f8c", "step": 2, "weight": "25%",
            "observedShare": "24.8%", "trippedProxies": 1, "paused": "person",
            "message": "waits for 10m",
            "gates": [{"name": "errors", "verdict": "pass", "detail": "canary 0.1 % of 4,000"}],
            "decisions": [{"at": "2026-11-26T02:00:00Z", "weight": "25%", "message": "rises"}],
            "commands": [{"id": "1", "command": "pause", "by": "alice",
                "at": "2026-11-26T02:00:01Z", "outcome": "Done"}],
        }));
        let expected = "\
shop/web  Progressing (paused)  version 5d4f8c
├─ stable  web
├─ canary  web-canary  █████░░░░░░░░░░░░░░░ 25%  seen 24.8%
├─ steps   5%  ▸25%  100%
├─ gate errors  pass
│  └─ canary 0.1 % of 4,000
├─ tripped 1 proxy, where everyone is on stable
├─ command pause by alice at 2026-11-26T02:00:01Z: Done
└─ waits for 10m
";
        assert_eq!(plain(&of(&object)), expected);
        assert_eq!(plain(&decisions(&object)), "2026-11-26T02:00:00Z     25%  rises\n");
    }

    #[test]
    fn an_object_that_nobody_has_seen_says_so() {
        let text = plain(&of(&object(&json!({}))));
        assert!(text.starts_with("shop/web  no controller has seen it\n"), "{text}");
        assert!(text.ends_with("└─ steps   5%  25%  100%\n"), "{text}");
    }

    #[test]
    fn a_status_of_another_version_is_not_taken_for_none() {
        let text = plain(&of(&object(&json!({"phase": 5}))));
        assert!(text.contains("another version"), "{text}");
    }

    #[test]
    fn a_canary_with_any_weight_shows() {
        assert!(plain(&bar("0.01%")).starts_with('█'));
        assert_eq!(plain(&bar("0%")), "░".repeat(20));
        assert_eq!(plain(&bar("100%")), "█".repeat(20));
    }
}
