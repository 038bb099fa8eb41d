//! What must hold in every history.

mod bookkeeping;
mod clocks;
mod mirrors;
mod reactions;
mod rises;
mod surroundings;
mod swaps;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::history::{Pass, histories, run};

/// A named test for each property; `PROPTEST_CASES` sets how many histories each one sees.
macro_rules! in_every_history {
    ($($name:ident: $check:expr;)*) => {
        proptest! {
            $(
                #[test]
                fn $name((plans, events) in histories()) {
                    let check: fn(&[Pass]) -> Result<(), TestCaseError> = $check;
                    check(&run(&plans, &events))?;
                }
            )*
        }
    };
}

in_every_history! {
    a_swap_of_the_roles_moves_nobody_and_comes_when_proxies_have_the_route: swaps::move_nobody;
    everyone_is_on_the_canarys_side_before_a_swap_alone: swaps::everyone_before_a_swap_alone;
    the_roles_go_back_only_while_the_side_before_stands: swaps::back_while_it_stands;
    what_gave_way_is_not_rolled_out_again_by_itself: swaps::what_gave_way_rests;
    weight_never_rises_without_all_gates_passing_since_the_step_began: rises::gates_pass_before_a_rise;
    weight_never_rises_after_a_rollback_until_retry_or_a_new_version: rises::no_rise_after_rollback;
    weight_rises_to_the_next_step_only: rises::next_step_only;
    harm_leads_to_no_weight_in_the_same_pass_or_to_a_freeze_with_an_alert: reactions::harm_acts;
    a_canary_without_endpoints_leads_to_no_weight_or_to_a_freeze: reactions::not_ready_acts;
    nobody_is_sent_to_a_dead_stable_side_unless_a_person_insists: reactions::stable_can_serve;
    a_way_back_ends_with_the_proof_that_the_canary_is_empty: reactions::ends_are_proved;
    suspicion_and_a_mismatch_end_no_step: rises::mismatch_and_suspicion_hold;
    no_comparison_neither_holds_nor_passes: rises::no_comparison_neither_holds_nor_passes;
    only_evidence_of_harm_rolls_back: reactions::no_harm_without_evidence;
    suspicion_at_full_weight_is_told: reactions::suspicion_at_full_is_told;
    a_step_never_ends_before_its_time_or_what_it_is_to_detect: clocks::bake_is_whole;
    a_steps_clock_never_starts_before_the_weight_is_proved_live: clocks::clock_needs_proof;
    the_same_inputs_give_the_same_decisions: bookkeeping::same_again;
    the_stored_form_of_a_state_is_the_state: bookkeeping::stored_bit_for_bit;
    the_revision_rises_with_each_change_of_traffic: bookkeeping::revision_rises;
    a_pause_lets_no_rise_through: rises::pause_holds;
    a_lost_or_ended_approval_lets_no_manual_step_end: rises::approval_is_needed;
    alerts_are_raised_once_and_cleared: reactions::alerts_alternate;
    what_is_planned_or_has_an_alert_of_its_own_counts_as_no_hold: reactions::only_the_unplanned_is_held;
    a_freeze_stands_with_its_alert_and_moves_nothing_up: reactions::freeze_is_told;
    a_refused_command_changes_no_traffic: bookkeeping::refusal_moves_nothing;
    the_canary_serves_exactly_where_it_has_weight: bookkeeping::weight_and_serving_agree;
    no_rise_while_the_route_is_unusable_or_unknown_or_replicas_are_short: surroundings::rises_need_route_and_replicas;
    harm_wins_over_all_that_a_cluster_shows: surroundings::harm_wins;
    replicas_are_given_up_only_after_the_proof: surroundings::replicas_go_after_the_proof;
    replicas_are_asked_for_when_all_else_allows_the_rise: surroundings::replicas_are_the_last_question;
    a_weight_lowered_by_hand_is_followed_in_the_same_pass: surroundings::lowered_is_followed;
    a_weight_lowered_by_hand_rises_only_after_resume: surroundings::lowered_stays_lowered;
    an_abort_of_a_promotion_moves_nobody_to_a_stable_that_runs_not_the_earlier_version: surroundings::promotion_moves_to_whole_versions;
    stable_is_changed_while_promoting_only: surroundings::stable_is_changed_while_promoting_only;
    stable_stays_as_it_is_while_a_proxy_has_tripped: surroundings::stable_stays_while_a_proxy_has_tripped;
    requests_are_mirrored_only_while_nobody_is_on_the_canary: mirrors::before_anybody;
    what_a_mirror_replaces_is_stored_with_it: mirrors::what_was_there_is_kept;
    nobody_is_exposed_before_the_mirror_has_held_and_is_off: mirrors::off_before_exposure;
    a_mirror_ends_with_harm_an_abort_a_pause_or_another_version: mirrors::ends_at_once;
    a_mirror_lasts_for_its_time: mirrors::lasts;
    a_release_of_files_knows_nothing_of_a_cluster: surroundings::files_know_no_cluster;
}

/// The properties say nothing unless histories get somewhere.
#[test]
fn histories_reach_every_phase_and_decision() {
    let mut runner = TestRunner::deterministic();
    let strategy = histories();
    let mut phases = BTreeSet::new();
    let mut reasons = BTreeSet::new();
    let mut alerts = BTreeSet::new();
    let mut later_rises = 0;
    let mut turns = BTreeMap::new();
    for _ in 0..600 {
        let (plans, events) = strategy.new_tree(&mut runner).unwrap().current();
        for pass in run(&plans, &events) {
            phases.insert(format!("{:?}", pass.after.phase));
            reasons.insert(format!("{:?}", pass.outcome.decision.reason));
            alerts.extend(pass.after.alerts.iter().copied());
            later_rises += usize::from(pass.rises() && !pass.before.traffic.weight.is_zero());
            for (turn, taken) in surroundings::turns(&pass) {
                *turns.entry(turn).or_insert(0_usize) += usize::from(taken);
            }
        }
    }
    assert_eq!(phases.len(), 6, "{phases:?}");
    assert!(later_rises > 100, "{later_rises} rises above the first step");
    assert_eq!(reasons.len(), 44, "{reasons:?}");
    assert_eq!(alerts.len(), 11, "{alerts:?}");
    assert!(turns.values().all(|times| *times > 3), "{turns:?}");
}
