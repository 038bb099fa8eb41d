//! Instructions per decision, counted by callgrind: a figure that no other load on the machine
//! changes, so that it can be held where times cannot. What is counted is the module's own logic,
//! built for this machine, without the calls to the proxy.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serin_tests::artifacts::{self, Setup};

/// By how much a figure may differ between compilers and C libraries.
const SLACK: f64 = 0.10;
const FEW: u64 = 100;
const MANY: u64 = 1_100;

#[test]
fn a_decision_takes_as_many_instructions_as_it_did() -> Result<()> {
    for (case, budget) in [
        // No rollout's request; one rollout by one header; a hundred, by a cookie, with testers and
        // paths; the same with thirty headers; both with rules, lists of users and cohorts too; and
        // the first of these for a user of whom it is not remembered what the lists say.
        ("elsewhere", 1_200.0),
        ("plain", 2_010.0),
        ("full", 2_660.0),
        ("full-30", 3_650.0),
        ("every", 4_070.0),
        ("every-30", 5_390.0),
        ("every-hashed", 7_930.0),
    ] {
        // What starts and ends the program is in both.
        let spent = instructions(case, MANY)? - instructions(case, FEW)?;
        #[expect(clippy::cast_precision_loss, reason = "some millions")]
        let each = spent as f64 / (MANY - FEW) as f64;
        println!("{case}: {each:.0} instructions per decision");
        let most = budget * (1.0 + SLACK);
        ensure!(each <= most, "{case}: {each:.0} instructions per decision, at most {most:.0}");
        let least = budget * (1.0 - 2.0 * SLACK);
        ensure!(each >= least, "{case}: only {each:.0} of {budget:.0}: write the new figure down");
    }
    Ok(())
}

/// Not one instruction tells how much of a signature is right, and hardly any whether its key is known:
/// far less than a clock shows.
#[test]
fn a_forged_token_takes_the_same_wherever_its_signature_is_wrong() -> Result<()> {
    let spent = |case| anyhow::Ok(instructions(case, 2 * FEW)? - instructions(case, FEW)?);
    let (first, last) = (spent("forged-first")?, spent("forged-final")?);
    let unknown = spent("unknown-key")?;
    println!("{} instructions per forged token, {} by an unknown key", first / FEW, unknown / FEW);
    ensure!(first == last, "wrong in the first byte: {first}, in the last: {last}");
    ensure!(first.abs_diff(unknown) * 100 <= first, "signed wrong: {first}, by no key: {unknown}");
    Ok(())
}

/// All instructions of a run that decides so many times.
fn instructions(case: &str, times: u64) -> Result<u64> {
    let valgrind = Setup::load()?.valgrind;
    let mut command = Command::new(&valgrind);
    // Where the package was unpacked and not installed, its tools are beside it.
    let tools = valgrind.with_file_name("../libexec/valgrind");
    if tools.is_dir() {
        command.env("VALGRIND_LIB", tools);
    }
    let output = command
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(artifacts::decisions()?)
        .args([case, &times.to_string()])
        .output()
        .with_context(|| format!("starting {}", valgrind.display()))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{case}: {said}");
    let collected = said.lines().find_map(|line| line.split_once("Collected : "));
    let (_, count) = collected.with_context(|| format!("no count in {said}"))?;
    Ok(count.trim().parse()?)
}
