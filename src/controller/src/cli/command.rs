//! `serin approve`, `pause`, `resume`, `abort` and `retry`

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
