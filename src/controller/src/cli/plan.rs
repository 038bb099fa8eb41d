//! `serin plan`: what the steps of a release can detect, before anybody is on the canary.
//!
//! What is reckoned is pure ([`forecast`], [`warnings`]); this file reads the command line and
//! prints.

mod forecast;
mod json;
mod measure;
mod question;
mod rate;
mod text;
mod users;
mod warnings;

use core::time::Duration;
use std::path::PathBuf;

use anyhow::ensure;
use serin_judge::Share;

use super::{Exit, Failure, Output, block_on};
use crate::release::Release;
use question::Traffic;
use rate::GateRate;
use text::Page;

/// Say what the steps of a release can detect, and when.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Traffic is what is eligible for both sides, as many requests a second as there are in all. With
--rate a gate's own is said: the share of its requests with the event on stable and, where they are
others than --rps, how many there are a second: --rate checkout=3%@12.

The times hold for harm that begins with the step; harm from an earlier step is seen sooner. They
contain the skipped start and a conversion's lag, and leave out a floor and the time until a weight
is live. Warnings go to standard error; the exit code is 0 with them too.")]
pub(super) struct Args {
    /// The release file.
    file: PathBuf,
    /// Requests a second, both sides together.
    #[arg(
        long,
        value_name = "NUMBER",
        value_parser = rate::per_second,
        required_unless_present = "from_prometheus"
    )]
    rps: Option<f64>,
    /// The share of them that fails on stable, such as 0.5%.
    #[arg(long, value_name = "SHARE", value_parser = rate::share)]
    error_rate: Option<Share>,
    /// A gate's share of events on stable, such as checkout=3% or checkout=3%@12.
    #[arg(long = "rate", value_name = "GATE=SHARE[@PER_SECOND]")]
    rates: Vec<GateRate>,
    /// Measure them by the gates' own counts in the release's Prometheus; what --rate says of a gate
    /// stands.
    #[arg(long, conflicts_with_all = ["rps", "error_rate"])]
    from_prometheus: bool,
    /// How far back to measure.
    #[arg(long, value_name = "DURATION", value_parser = super::duration, default_value = "1h")]
    over: Duration,
    /// Users whose requests they are, to tell how many stand behind the evidence.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    users: Option<u64>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs the command.
///
/// # Errors
/// An invalid release file, a gate that there is not, and a Prometheus that does not answer.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let release = Release::load(&args.file)?;
    let mut traffic = if args.from_prometheus {
        block_on(measure::measure(&release, args.over))??
    } else {
        let requests_per_second = args.rps.unwrap_or_default();
        Traffic { requests_per_second, errors: args.error_rate, ..Traffic::default() }
    };
    told(&release, &args.rates, &mut traffic).map_err(|why| Failure::new(Exit::Usage, why))?;
    let (question, unknown) = question::of(&release, &traffic, args.users);
    let forecast = forecast::forecast(&question);
    let mut warnings = unknown;
    warnings.extend(warnings::all(&question, &forecast));
    let page =
        Page { release: &release, question: &question, forecast: &forecast, warnings: &warnings };
    match args.output {
        Output::Json => super::print(&format!("{:#}\n", page.json()))?,
        Output::Text => {
            super::print(&page.text()?)?;
            for warning in &warnings {
                anstream::eprintln!("warning: {warning}");
            }
        }
    }
    Ok(Exit::Ok)
}

/// Adds what the command line says of single gates.
fn told(release: &Release, rates: &[GateRate], traffic: &mut Traffic) -> anyhow::Result<()> {
    // Of other gates nothing is reckoned: a rate of theirs is a slip.
    let compare = release.gates.iter().filter(|gate| gate.ratio().is_some());
    let names: Vec<&str> = compare.map(|gate| gate.name.as_str()).collect();
    for GateRate { gate, share, per_second } in rates {
        ensure!(!names.is_empty(), "--rate {gate}: no gate of the release compares the sides");
        ensure!(
            names.contains(&gate.as_str()),
            "--rate {gate}: no such gate that compares the sides; there are {}",
            names.join(", ")
        );
        traffic.gates.insert(gate.clone(), (vec![*share], *per_second));
    }
    Ok(())
}

/// Minutes, with a decimal where there are few.
fn minutes(seconds: f64) -> String {
    let minutes = seconds / 60.0;
    if minutes < 9.95 { format!("{minutes:.1}") } else { thousands(minutes) }
}

/// A number rounded to the whole, with separated thousands.
fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with as many decimals as tell it from others: `0.05`, `1.1`, `40`.
fn number(value: f64) -> String {
    let text = match value.abs() {
        size if size >= 1000.0 => return thousands(value),
        size if size >= 1.0 => format!("{value:.2}"),
        size if size >= 0.1 => format!("{value:.3}"),
        _ => format!("{value:.5}"),
    };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests;
