//! `serin token`: signed tokens by which testers opt in where anybody can reach the proxy.

mod create;
mod key;
mod key_file;
mod verify;

use jiff::Timestamp;

pub(super) use key_file::read as read_keys;

use super::{Exit, Failure};

/// Make and check the signed tokens by which testers opt in.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make a token and print it.
    Create(create::Args),
    /// Check a token and say what it opens.
    Verify(verify::Args),
    /// Make a key and print the keys with it in front.
    Key(key::Args),
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    match &args.command {
        Command::Create(args) => create::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Key(args) => key::run(args),
    }
}

/// A time as people read it; one beyond all calendars as its seconds since 1970.
fn time(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|s| Timestamp::from_second(s).ok());
    time.map_or_else(|| seconds.to_string(), |time| time.to_string())
}

#[cfg(test)]
mod tests;
