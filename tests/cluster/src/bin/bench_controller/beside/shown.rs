//! The table.

use super::Report;
use super::rollback::Times;

pub(super) fn print(report: &Report) {
    println!(
        "\n{:<34}{:>16}{:>16}{:>20}",
        "median ms (longest)", "fault->written", "written->live", "fault->last request"
    );
    for (name, times) in [
        ("Flagger, 1 m / 5 (once)", &report.flagger_documented),
        ("Flagger, 10 s / 5", &report.flagger_short),
        ("Flagger, 10 s / 1", &report.flagger_quickest),
        ("Serin, all by default (once)", &report.serin_default),
        ("Serin", &report.serin),
    ] {
        let Times { fault_to_written, written_to_live, fault_to_last } = times;
        let cell = |it: &crate::spread::Spread| format!("{:.0} ({:.0})", it.median, it.most);
        println!(
            "{name:<34}{:>16}{:>16}{:>20}",
            cell(fault_to_written),
            cell(written_to_live),
            cell(fault_to_last)
        );
    }
    let floor = &report.floor_ms;
    let name = format!("istiod's floor ({} times)", floor.number);
    println!("{name:<34}{:>16}{:>16}", "", format!("{:.0} ({:.0})", floor.median, floor.most));
    println!("\nhealthy rollouts, 1 % of errors on both sides");
    for (name, ended) in [
        ("Flagger, 10 s / 5", &report.healthy_flagger_short),
        ("Flagger, 10 s / 1", &report.healthy_flagger_quickest),
        ("Serin", &report.healthy_serin),
    ] {
        println!("  {name:<32}{} of {} rolled back", ended.rolled_back, ended.rollouts);
    }
    println!("\nAPI writes in one rollout");
    for (name, writes) in [("Flagger", &report.writes_flagger), ("Serin", &report.writes_serin)] {
        println!("  {name:<32}{}: {}", writes.all, writes.list());
    }
    println!("\nresident memory at the end");
    for (name, bytes) in
        [("Flagger", report.resident_flagger_bytes), ("Serin", report.resident_serin_bytes)]
    {
        println!("  {name:<32}{} MB", bytes / 1_000_000);
    }
}
