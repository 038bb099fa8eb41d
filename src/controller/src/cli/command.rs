//! `serin approve`, `promote`, `pause`, `resume`, `abort` and `retry`

use serin_rollout::Command;

use super::client::{Client, Target, choose};
use super::{Exit, Failure, Output, block_on, print};

/// A command to a running release.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    /// How to print the release's status after it.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// An agreement to go on.
#[derive(Debug, clap::Args)]
pub(super) struct Promote {
    #[command(flatten)]
    args: Args,
    /// Take the present step for over, whatever is left of its time, its requests, what it is to
    /// detect or its approval.
    #[arg(long)]
    skip_step: bool,
}

pub(super) fn promote(Promote { args, skip_step }: &Promote) -> Result<Exit, Failure> {
    run(args, if *skip_step { Command::SkipStep } else { Command::Approve })
}

pub(super) fn run(args: &Args, command: Command) -> Result<Exit, Failure> {
    let client = Client::new(&args.target)?;
    let status = block_on(async {
        let release = choose(client.list().await?, args.target.release.as_deref())?;
        client.command(&release, command).await
    })??;
    match args.output {
        Output::Json => print(&format!("{}\n", serde_json::to_string_pretty(&status)?))?,
        Output::Text => print(&format!("{}: {}\n", status.key(), status.message))?,
    }
    Ok(Exit::Ok)
}
