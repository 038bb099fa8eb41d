//! The command line: one binary, one module a command.

pub mod assign;
pub mod check;
mod client;
mod command;
mod completion;
mod convert;
mod crd;
mod exit;
mod explain;
mod history;
mod ids;
pub mod judge;
mod kube;
mod log;
mod notify;
mod operate;
mod plan;
mod replay;
mod run;
mod serve_assign;
mod status;
mod token;
mod tones;
mod users;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

pub use exit::{Exit, Failure};

/// Progressive delivery: moves users to a new version step by step, and back when it does harm.
#[derive(Debug, Parser)]
#[command(name = "serin", version, after_help = Exit::HELP, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the releases of these files.
    Run(run::Args),
    /// Run the `CanaryRelease` objects of a Kubernetes cluster.
    Operate(operate::Args),
    /// Decide for proxies that cannot run the filter: answer their sub-requests with the mark.
    ServeAssign(serve_assign::Args),
    /// Show how releases stand.
    Status(status::Args),
    /// Say why each decision of a release was taken.
    Explain(explain::Args),
    /// Agree to the end of a step that waits for a person, or of a promotion.
    Approve(command::Args),
    /// Agree to go on as `approve` does, or to the end of the present step before its time.
    Promote(command::Promote),
    /// Stop rises; harm still rolls back.
    Pause(command::Args),
    /// End a pause.
    Resume(command::Args),
    /// Send everyone back to stable at once.
    Abort(command::Args),
    /// Start again from the first step after a rollback.
    Retry(command::Args),
    /// Look at the releases of a Kubernetes cluster, and give them commands (`kubectl serin`).
    Kube(kube::Args),
    /// Print which users get the canary.
    Assign(assign::Args),
    /// Print users as a release lists them: salted hashes.
    Users(users::Args),
    /// Check a release file or an assignment document and print what it means.
    Check(check::Args),
    /// Judge counts that come as JSON lines on standard input.
    Judge(judge::Args),
    /// Say what the steps of a release can detect, and when.
    Plan(plan::Args),
    /// Show the decisions that would have been taken over a stretch of history; nothing is changed.
    Replay(replay::Args),
    /// Write a `CanaryRelease` from a Canary of Flagger's or a Rollout of Argo's.
    Convert(convert::Args),
    /// Send a test message to everyone who would be told of decisions.
    Notify(notify::Args),
    /// Make and check the signed tokens by which testers opt in.
    Token(token::Args),
    /// Print the definition of `CanaryRelease` for `kubectl apply --filename -`.
    Crd,
    /// Print the completion script for a shell.
    Completion(completion::Args),
}

/// How a command prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// Runs the command line that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    use serin_rollout::Command as Ask;
    let done = match Cli::parse_from(kube::arguments(std::env::args_os())).command {
        Command::Run(args) => run::run(args),
        Command::Operate(args) => operate::run(args),
        Command::ServeAssign(args) => serve_assign::run(args),
        Command::Status(args) => status::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Approve(args) => command::run(&args, Ask::Approve),
        Command::Promote(args) => command::promote(&args),
        Command::Pause(args) => command::run(&args, Ask::Pause),
        Command::Resume(args) => command::run(&args, Ask::Resume),
        Command::Abort(args) => command::run(&args, Ask::Abort),
        Command::Retry(args) => command::run(&args, Ask::Retry),
        Command::Kube(args) => kube::run(&args),
        Command::Assign(args) => assign::run(&args),
        Command::Users(args) => users::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Judge(args) => judge::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Convert(args) => convert::run(&args),
        Command::Notify(args) => notify::run(&args),
        Command::Token(args) => token::run(&args),
        Command::Crd => crd::run(),
        Command::Completion(args) => completion::run(&args),
    };
    exit::end(done)
}

/// Prints to standard output; a reader that has gone is an error that ends the command quietly.
fn print(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// A runtime for a command that only asks the controller something.
fn block_on<T>(what: impl Future<Output = T>) -> io::Result<T> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(what))
}

/// A duration on the command line.
fn duration(text: &str) -> Result<core::time::Duration, String> {
    let duration = serin_document::duration::parse(text).map_err(|why| why.to_string())?;
    if duration.is_zero() { Err("it is above 0s".to_owned()) } else { Ok(duration) }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_names_every_exit_code() {
        let codes = [
            Exit::Ok,
            Exit::Failed,
            Exit::Usage,
            Exit::NotFound,
            Exit::Refused,
            Exit::Unreachable,
            Exit::Held,
            Exit::Denied,
            Exit::TokenRefused,
        ];
        for code in codes {
            assert!(Exit::HELP.contains(&format!("\n  {}  ", code as u8)), "{code:?}");
        }
        assert_eq!(Exit::HELP.lines().count(), codes.len() + 1);
    }
}
