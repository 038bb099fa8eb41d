//! `spec.steps`, `spec.onSuccess` and `spec.policy`.

use core::time::Duration;

use serin_assignment::Weight;
use serin_judge::{Worse, planning};
use serin_rollout::{Approval, InvalidPlan, Length, OnNoData, OnSuccess, Policy, Step, Steps};

use super::{duration_within, from_text};
use crate::gates::Gate;
use crate::release::fault::Faults;
use crate::release::{FieldPath, MOST_STEPS, spec};

/// A step that takes longer than four weeks is no step any more.
const BAKE_TIMES: (Duration, Duration) = (Duration::ZERO, Duration::from_hours(28 * 24));

/// Shorter than a second nothing is scraped; longer than a week nobody waits.
pub(super) const WAITS: (Duration, Duration) =
    (Duration::from_secs(1), Duration::from_hours(7 * 24));

pub(super) fn steps(specs: &[spec::Step], at: &FieldPath, faults: &mut Faults) -> Option<Steps> {
    if specs.len() > MOST_STEPS {
        let rule = format!("a release has at most {MOST_STEPS} steps");
        faults.value(at.clone(), &format!("{} of them", specs.len()), rule);
        return None;
    }
    let read: Vec<Option<Step>> = specs
        .iter()
        .enumerate()
        .map(|(index, spec)| step(spec, &at.index(index), faults))
        .collect();
    let read: Option<Vec<Step>> = read.into_iter().collect();
    match Steps::try_new(read?) {
        Ok(steps) => Some(steps),
        Err(error) => {
            fault_of_plan(error, specs, at, faults);
            None
        }
    }
}

/// The steps of a release that has only a part of the users.
pub(super) fn within(
    steps: Steps,
    full: Weight,
    specs: &[spec::Step],
    at: &FieldPath,
    faults: &mut Faults,
) -> Option<Steps> {
    match steps.within(full) {
        Ok(steps) => Some(steps),
        Err(error) => {
            fault_of_plan(error, specs, at, faults);
            None
        }
    }
}

/// Puts the plan's fault to the step that it names.
fn fault_of_plan(error: InvalidPlan, specs: &[spec::Step], at: &FieldPath, faults: &mut Faults) {
    match error {
        InvalidPlan::NoSteps => faults.missing(at.clone(), error),
        InvalidPlan::NoWeight { step }
        | InvalidPlan::NotRising { step, .. }
        | InvalidPlan::BeyondRange { step, .. } => {
            let index = step.saturating_sub(1);
            let weight = specs.get(index).map_or("", |spec| spec.weight.as_str());
            faults.value(at.index(index).field("weight"), weight, error);
        }
        InvalidPlan::NoDifference { step, ratio } => {
            let field = at.index(step.saturating_sub(1)).field("detect");
            faults.value(field, &format!("{ratio}x"), error);
        }
    }
}

fn step(spec: &spec::Step, at: &FieldPath, faults: &mut Faults) -> Option<Step> {
    let weight = faults.parse(at.field("weight"), &spec.weight, from_text);
    let length = length(spec, at, faults);
    let approval = match spec.approval.as_deref() {
        None | Some("automatic") => Some(Approval::Automatic),
        Some("manual") => Some(Approval::Manual),
        Some(other) => {
            faults.value(
                at.field("approval"),
                other,
                "a step ends by `automatic` or `manual` approval",
            );
            None
        }
    };
    Some(Step {
        weight: weight?,
        length: length?,
        min_requests: spec.min_requests,
        approval: approval?,
    })
}

fn length(spec: &spec::Step, at: &FieldPath, faults: &mut Faults) -> Option<Length> {
    let time = |text: &str, name: &str, faults: &mut Faults| {
        duration_within(text, at.field(name), BAKE_TIMES, faults)
    };
    match (&spec.bake, &spec.detect, &spec.at_most) {
        (Some(bake), None, None) => time(bake, "bake", faults).map(Length::Bake),
        (None, Some(detect), Some(at_most)) => {
            let ratio = faults.parse(at.field("detect"), detect, ratio);
            let at_most = time(at_most, "atMost", faults);
            Some(Length::Detect { ratio: ratio?, at_most: at_most? })
        }
        (None, Some(_), None) => {
            let rule = "a step with `detect` has a longest time, such as 2h";
            faults.missing(at.field("atMost"), rule);
            None
        }
        (Some(_), Some(detect), _) => {
            faults.value(at.field("detect"), detect, "either this or `bake`");
            None
        }
        (_, None, Some(at_most)) => {
            faults.value(at.field("atMost"), at_most, "only a step with `detect` takes this");
            None
        }
        (None, None, None) => {
            let rule = "a step lasts for a `bake` time such as 10m, or until it can `detect` a \
                        ratio such as 2x";
            faults.missing(at.field("bake"), rule);
            None
        }
    }
}

fn ratio(text: &str) -> Result<f64, String> {
    let ratio = text.strip_suffix('x').and_then(|number| number.parse().ok());
    ratio.ok_or_else(|| {
        "a ratio of the canary's rate to stable's, such as 2x, or 0.9x for conversions".to_owned()
    })
}

/// A ratio is detected by a gate that looks that way and does not take it for healthy, on traffic
/// that has another side.
pub(super) fn check_detection(steps: &Steps, gates: &[Gate], at: &FieldPath, faults: &mut Faults) {
    for (index, step) in steps.iter().enumerate() {
        let Length::Detect { ratio, .. } = step.length else { continue };
        let at = at.index(index).field("detect");
        let wanted = format!("{ratio}x");
        if step.weight >= steps.full() {
            let rule = format!(
                "at {} there is no other side to compare with; give the step a `bake` time",
                steps.full()
            );
            faults.value(at, &wanted, rule);
            continue;
        }
        let worse = if ratio > 1.0 { Worse::Higher } else { Worse::Lower };
        let seen_from = gates
            .iter()
            .filter_map(Gate::ratio)
            .filter(|gate| gate.measure.worse() == worse)
            .map(|gate| planning::seen_from(gate.margin, worse));
        let nearest = match worse {
            Worse::Higher => seen_from.min_by(f64::total_cmp),
            Worse::Lower => seen_from.max_by(f64::total_cmp),
        };
        let rule = match (nearest, worse) {
            (Some(nearest), Worse::Higher) if ratio > nearest => continue,
            (Some(nearest), Worse::Lower) if ratio < nearest => continue,
            (Some(nearest), _) => {
                format!("with the gates' margins a ratio is seen from {nearest:.2}x on")
            }
            (None, Worse::Higher) => {
                "a ratio above 1 is seen by a gate for errors or latency".to_owned()
            }
            (None, Worse::Lower) => "a ratio below 1 is seen by a gate for conversions".to_owned(),
        };
        faults.value(at, &wanted, rule);
    }
}

/// `has_target`: whether the release names Deployments, whose roles stay as they are.
pub(super) fn on_success(
    stated: Option<&str>,
    has_target: bool,
    steps: Option<&Steps>,
    at: &FieldPath,
    faults: &mut Faults,
) -> Option<OnSuccess> {
    match stated {
        Some("keep") if has_target => {
            if let Some(steps) = steps {
                check_swap(steps, &at.field("steps"), faults);
            }
            Some(OnSuccess::Swap)
        }
        None if has_target => Some(OnSuccess::Promote),
        None | Some("keep") => Some(OnSuccess::Keep),
        Some("promote") => Some(OnSuccess::Promote),
        Some(other) => {
            let rule = "after the last step: `keep` or `promote`";
            faults.value(at.field("onSuccess"), other, rule);
            None
        }
    }
}

/// Everyone is on the canary's side before the two sides swap their roles.
fn check_swap(steps: &Steps, at: &FieldPath, faults: &mut Faults) {
    let (last, index) = (steps.last().weight, steps.len().saturating_sub(1));
    if last != Weight::FULL {
        let rule = "with `target` and `onSuccess: keep` the last step has 100%: the canary's \
                    Deployment serves everyone after it";
        faults.value(at.index(index).field("weight"), &last.to_string(), rule);
    }
}

/// Names steps: others have another name.
pub(super) fn steps_name(steps: &Steps) -> Option<String> {
    let text = serde_json::to_vec(steps).ok()?;
    let hash = murmur3::murmur3_x64_128(&mut text.as_slice(), 0).ok()?;
    Some(format!("{hash:032x}"))
}

pub(super) fn policy(spec: &spec::Policy, at: &FieldPath, faults: &mut Faults) -> Option<Policy> {
    let default = Policy::default();
    let mut wait = |text: &Option<String>, name: &str, default: Duration| {
        text.as_deref()
            .map_or(Some(default), |text| duration_within(text, at.field(name), WAITS, faults))
    };
    let no_data_alert_after =
        wait(&spec.no_data_alert_after, "noDataAlertAfter", default.no_data_alert_after);
    let not_ready_after = wait(&spec.not_ready_after, "notReadyAfter", default.not_ready_after);
    let not_live_alert_after =
        wait(&spec.not_live_alert_after, "notLiveAlertAfter", default.not_live_alert_after);
    let rollback_alert_after =
        wait(&spec.rollback_alert_after, "rollbackAlertAfter", default.rollback_alert_after);
    let held_alert_after = wait(&spec.held_alert_after, "heldAlertAfter", default.held_alert_after);
    let promotion_alert_after =
        wait(&spec.promotion_alert_after, "promotionAlertAfter", default.promotion_alert_after);
    let route_live_after = wait(&spec.route_live_after, "routeLiveAfter", default.route_live_after);
    let longest_gap = wait(&spec.longest_gap, "longestGap", default.longest_gap);
    let on_no_data = on_no_data(spec, at, faults);
    Some(Policy {
        no_data_alert_after: no_data_alert_after?,
        on_no_data: on_no_data?,
        not_ready_after: not_ready_after?,
        not_live_alert_after: not_live_alert_after?,
        rollback_alert_after: rollback_alert_after?,
        held_alert_after: held_alert_after?,
        promotion_alert_after: promotion_alert_after?,
        route_live_after: route_live_after?,
        longest_gap: longest_gap?,
    })
}

fn on_no_data(spec: &spec::Policy, at: &FieldPath, faults: &mut Faults) -> Option<OnNoData> {
    const AFTER: &str = "noDataRollBackAfter";
    match (spec.on_no_data.as_deref(), spec.no_data_roll_back_after.as_deref()) {
        (None | Some("hold"), None) => Some(OnNoData::Hold),
        (Some("rollBack"), Some(after)) => {
            duration_within(after, at.field(AFTER), WAITS, faults).map(OnNoData::RollBackAfter)
        }
        (Some("rollBack"), None) => {
            faults.missing(
                at.field(AFTER),
                "`onNoData: rollBack` needs the time after which, such as 10m",
            );
            None
        }
        (None | Some("hold"), Some(after)) => {
            faults.value(at.field(AFTER), after, "only `onNoData: rollBack` takes this");
            None
        }
        (Some(other), _) => {
            faults.value(at.field("onNoData"), other, "gates without data: `hold` or `rollBack`");
            None
        }
    }
}
