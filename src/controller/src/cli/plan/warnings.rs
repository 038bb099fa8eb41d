//! What is wrong with a plan: steps that cannot see what they are there for, and too few users.

use serin_judge::Worse;
use serin_judge::panel::Measure;
use serin_rollout::Length;

use super::forecast::{Because, Forecast, Place, Step, ratios};
use super::question::{Question, Stage, Watched};
use super::{minutes, number, users};

/// All warnings, step by step.
pub(super) fn all(question: &Question, forecast: &Forecast) -> Vec<String> {
    if question.gates.is_empty() {
        return vec!["no gate compares the sides, so that nothing is said of any step".to_owned()];
    }
    let mut warnings = Vec::new();
    for (stage, step) in question.steps.iter().zip(&forecast.steps) {
        warnings.extend(length(question, stage, step));
        for (index, gate) in question.gates.iter().enumerate() {
            warnings.extend(blind(stage, step, index, gate));
            warnings.extend(few_users(question, step, gate));
        }
    }
    warnings.extend(question.gates.iter().filter_map(below_floor));
    for seen in &forecast.seen {
        let gate = question.gates.get(seen.gate);
        let step = seen.at.and_then(|(index, _)| forecast.steps.get(index));
        if let (Some(gate), Some(step)) = (gate, step) {
            warnings.extend(hidden(question, step, gate, seen.ratio));
        }
    }
    warnings
}

fn place(step: &Step) -> String {
    format!("step {} ({})", step.number, step.weight)
}

/// A step that is to detect a ratio and will not.
fn length(question: &Question, stage: &Stage, step: &Step) -> Option<String> {
    let Length::Detect { ratio, at_most } = stage.length else { return None };
    if step.lasts.because != Because::AtMost {
        return None;
    }
    let at_most = serin_document::duration::format(at_most);
    let before_seconds = step.starts_seconds;
    let takes = Place { question, weight: stage.weight, before_seconds }.detects(ratio);
    let ratio = number(ratio);
    Some(match takes {
        Some(seconds) => format!(
            "{}: to detect {ratio}x takes {} min, so that it ends after its longest time, {at_most}, without",
            place(step),
            minutes(seconds)
        ),
        None => format!(
            "{}: no gate can detect {ratio}x here, so that it ends after its longest time, {at_most}",
            place(step)
        ),
    })
}

/// A step that lasts a fixed time in which a gate does not even see the worst ratio of the table.
fn blind(stage: &Stage, step: &Step, index: usize, gate: &Watched) -> Option<String> {
    let Length::Bake(_) = stage.length else { return None };
    let [.., worst] = ratios(gate.worse());
    let sights = step.sights.get(index)?;
    // What never can be is not missed.
    let possible = sights.iter().rev().find_map(|sight| Some((sight.ratio, sight.when.ok()?)));
    let (ratio, when) = possible?;
    if when.ninety_seconds <= step.lasts.seconds {
        return None;
    }
    let even = if (ratio - worst).abs() < f64::EPSILON { "not even " } else { "no " };
    Some(format!(
        "{}: it lasts {} min and sees {even}{}x of {} with 90 %: that takes {} min",
        place(step),
        minutes(step.lasts.seconds),
        number(ratio),
        gate.name,
        minutes(when.ninety_seconds)
    ))
}

/// Ratios of errors so rare that even so many of them are no reason to roll back: the times of the
/// table are then those until the weight is held.
fn below_floor(gate: &Watched) -> Option<String> {
    let Measure::Errors { floor: Some(floor), .. } = gate.measure else { return None };
    let rate = gate.rates.iter().map(|rate| rate.get()).fold(0.0, f64::max);
    let below = ratios(gate.worse()).into_iter().filter(|ratio| rate * ratio <= floor.get());
    let most = below.reduce(f64::max)?;
    Some(format!(
        "{}: up to {}x the canary's own rate is not above the floor, {} %: that is held, and never \
         rolled back",
        gate.name,
        number(most),
        number(floor.get() * 100.0)
    ))
}

/// A weight under which so few users stand that they may look like a bad version.
fn few_users(question: &Question, step: &Step, gate: &Watched) -> Option<String> {
    let (all, here) = (question.users?, step.users?);
    let needed = users::needed(gate.margin, gate.worse());
    if here >= needed || step.canary_is_all() {
        return None;
    }
    let why = "users differ, and the same few of them make a healthy version look bad or a bad one \
               look healthy";
    let share = needed / users::count(all);
    let weight = 100.0 * share * question.full.share();
    let remedy = if share < 1.0 {
        format!(
            "{} are needed, a weight of {}%",
            number(needed),
            number((weight * 100.0).ceil() / 100.0)
        )
    } else if needed.is_finite() {
        format!("{} are needed, more than there are in all", number(needed))
    } else {
        "with this margin no number is enough".to_owned()
    };
    Some(format!(
        "{}: {} users on the canary are too few for {}: {why}; {remedy}",
        place(step),
        number(here),
        gate.name
    ))
}

/// A ratio that is seen in time, unless the canary's users happen to hide some of it.
fn hidden(question: &Question, step: &Step, gate: &Watched, ratio: f64) -> Option<String> {
    let users = step.users?;
    // Too few users in any case: that is said already.
    if users < users::needed(gate.margin, gate.worse()) {
        return None;
    }
    let spread = users::spread(users);
    let seeming = match gate.worse() {
        Worse::Higher => ratio / spread,
        Worse::Lower => ratio * spread,
    };
    let before_seconds = step.starts_seconds;
    let place_of = Place { question, weight: step.weight, before_seconds };
    let takes = place_of.when(gate, seeming).ok().map(|when| when.half_seconds);
    if takes.is_some_and(|seconds| seconds <= step.lasts.seconds) {
        return None;
    }
    Some(format!(
        "{}: that {}x of {} is seen in time supposes users who are alike: {} of them, who differ, may \
         well make it look like {}x, which is not",
        place(step),
        number(ratio),
        gate.name,
        number(users),
        number(seeming)
    ))
}
