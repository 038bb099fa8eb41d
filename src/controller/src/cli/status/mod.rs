//! `serin status`

mod view;

use core::time::Duration;
use std::io::{IsTerminal as _, stdout};

use super::client::{Client, Target, choose};
use super::{Exit, Failure, Output, block_on, print};
use crate::status::Status;

/// How often `--watch` looks. Passes come once a second at the most by default.
const LOOK: Duration = Duration::from_secs(1);

/// Cursor home, and the screen cleared from there.
const REDRAW: &str = "\x1b[H\x1b[J";

/// Show how releases stand.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    /// Go on until interrupted, also while the controller is away: redrawn on a terminal, else a
    /// line with each change.
    #[arg(long, short)]
    watch: bool,
    /// How to print. JSON is one object a release, and with --watch one line with each change.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let client = Client::new(&args.target)?;
    block_on(async {
        if args.watch { watch(&client, args).await } else { once(&client, args).await }
    })?
}

async fn once(client: &Client, args: &Args) -> Result<Exit, Failure> {
    let releases = wanted(client.list().await?, args)?;
    match (args.output, releases.as_slice()) {
        (Output::Json, releases) => {
            for status in releases {
                print(&format!("{}\n", serde_json::to_string_pretty(status)?))?;
            }
        }
        (Output::Text, [status]) => print(&view::whole(status)?)?,
        (Output::Text, releases) => print(&view::table(releases))?,
    }
    Ok(Exit::Ok)
}

async fn watch(client: &Client, args: &Args) -> Result<Exit, Failure> {
    let in_place = args.output == Output::Text && stdout().is_terminal();
    let mut before: Vec<Status> = Vec::new();
    // A wrong address or name shows at the first look, and ends the command.
    let mut releases = wanted(client.list().await?, args)?;
    loop {
        if in_place {
            let views: Result<Vec<String>, _> = releases.iter().map(view::whole).collect();
            print(&format!("{REDRAW}{}", views?.join("\n")))?;
        } else {
            let news = releases.iter().filter(|status| !before.iter().any(|b| same(b, status)));
            for status in news {
                print(&match args.output {
                    Output::Json => format!("{}\n", serde_json::to_string(status)?),
                    Output::Text => view::line(status),
                })?;
            }
        }
        before = releases;
        tokio::time::sleep(LOOK).await;
        releases = wanted(list_patiently(client).await?, args)?;
    }
}

/// Asks until the controller answers: one that is away for a while, as for a restart, ends no watch.
/// What people are told of it goes to standard error, so that JSON stays one object a line.
async fn list_patiently(client: &Client) -> Result<Vec<Status>, Failure> {
    let mut told = false;
    loop {
        match client.list().await {
            Ok(releases) => {
                if told {
                    anstream::eprintln!("the controller answers again");
                }
                return Ok(releases);
            }
            Err(failure) if failure.exit() == Exit::Unreachable => {
                if !told {
                    anstream::eprintln!("{:#}; asking on", failure.error());
                }
                told = true;
            }
            Err(failure) => return Err(failure),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The release that was named, else all.
fn wanted(releases: Vec<Status>, args: &Args) -> Result<Vec<Status>, Failure> {
    match &args.target.release {
        Some(release) => Ok(vec![choose(releases, Some(release))?]),
        None => Ok(releases),
    }
}

/// Whether a line would say the same but for numbers that always move.
fn same(before: &Status, after: &Status) -> bool {
    let verdicts = |status: &Status| -> Vec<_> {
        status.gates.iter().map(|gate| (gate.name.clone(), gate.verdict)).collect()
    };
    before.key() == after.key()
        && before.phase == after.phase
        && before.reason == after.reason
        && (before.step, before.weight) == (after.step, after.weight)
        && verdicts(before) == verdicts(after)
        && before.alerts == after.alerts
        && before.conditions == after.conditions
}
