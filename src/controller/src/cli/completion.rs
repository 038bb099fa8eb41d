//! `serin completion SHELL`

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Cli, Exit, Failure, print};

/// Print the completion script for a shell.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell: `serin completion bash > /etc/bash_completion.d/serin`.
    shell: Shell,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "serin", &mut script);
    print(&String::from_utf8(script)?)?;
    Ok(Exit::Ok)
}
