//! `make bench-judge`: how often the judge rolls back identical versions, and how soon harmful ones,
//! beside the rules that are in use elsewhere. Simulated from fixed seeds, so that every run prints
//! the same figures. Exit code 1 where a row is missed.

mod clumps;
mod dice;
mod full;
mod independent;
mod outcome;
mod pool;
mod rules;
mod schedule;
mod sticky;
mod table;
mod traffic;
mod users;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;

fn main() -> Result<ExitCode> {
    let start = Instant::now();
    println!(
        "Rows AA are identical versions: the share rolled back. Others: median/90 % minutes to the \
         rollback of a harmful one.\n"
    );
    let mut missed = independent::table()?.print();
    missed.extend(sticky::table()?.print());
    missed.extend(clumps::table()?.print());
    missed.extend(sticky::two_clients()?.print());
    missed.extend(full::table().print());
    let took = start.elapsed().as_secs_f64();
    if missed.is_empty() {
        println!("every row is reached, in {took:.0} s");
        return Ok(ExitCode::SUCCESS);
    }
    println!("{} rows are MISSED, in {took:.0} s:", missed.len());
    for row in missed {
        println!("  {row}");
    }
    Ok(ExitCode::FAILURE)
}
