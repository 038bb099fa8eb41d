//! What the figures have to reach, and whether they do.

use crate::report::{Report, kilobytes};
use crate::variants::{CALLS, EVERY, FULL, LUA_FULL, PLAIN, RAW};

/// Serin over Lua, both with the job in full and neither counting.
const LUA: f64 = 1.0;
/// Serin over a module by hand, both with one rollout and one header and neither counting.
const BY_HAND: f64 = 1.1;
/// The module, in kilobytes.
const MODULE: f64 = 150.0;

/// Prints each goal with its verdict, and gives the number of those that are missed.
pub(crate) fn judge(report: &Report) -> usize {
    println!();
    let mut missed = 0;
    let mut goal = |what: &str, figure: f64, limit: f64, more: &str| {
        let verdict = if figure <= limit { "reached" } else { "MISSED" };
        missed += usize::from(figure > limit);
        println!("{verdict:>7}  {what}: {figure:.3} <= {limit}{more}");
    };
    for measured in &report.shapes {
        let shape = measured.shape().name();
        for (what, one, other, limit) in [
            ("Serin / Lua, the job in full, no counting", FULL, LUA_FULL, LUA),
            ("Serin, every feature / Lua, the job in full, no counting", EVERY, LUA_FULL, LUA),
            ("Serin, plainest / by hand, no counting", PLAIN, RAW, BY_HAND),
        ] {
            let added = measured.added_ratio(one, other);
            let (low, high) = measured.ratio_by_start(one, other, report.rounds);
            let more =
                format!(" (single starts {low:.3} to {high:.3}; of the time added: {added:.2})");
            goal(&format!("{what}, {shape}"), measured.ratio(one, other).median, limit, &more);
        }
        // What no code of ours could go below.
        let calls = measured.ratio(CALLS, LUA_FULL).median;
        println!(
            "         the calls of every feature alone / Lua, the job in full, {shape}: {calls:.3}"
        );
    }
    goal("module, kB", kilobytes(report.module), MODULE, "");
    missed
}
