//! `serin notify FILE`

use std::path::PathBuf;

use serde_json::json;

use super::{Exit, Failure, Output};
use crate::notify::{Attempt, Notice, Receivers, attempt};

/// Send a test message to each receiver of a file that `--receivers` of `serin run` and `serin
/// operate` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only to the receiver of this name.
    #[arg(long, value_name = "NAME")]
    receiver: Option<String>,
    /// How to print what came of it.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let receivers = super::run::receivers(Some(&args.file))?;
    let attempts = super::block_on(attempts(&receivers, args.receiver.as_deref()))?;
    if let (Some(name), []) = (&args.receiver, attempts.as_slice()) {
        let why = anyhow::anyhow!("{}: there is no receiver {name:?}", args.file.display());
        return Err(Failure::new(Exit::NotFound, why));
    }
    super::print(&show(&attempts, args.output))?;
    let all = attempts.iter().all(|(_, attempt)| *attempt == Attempt::Delivered);
    Ok(if all { Exit::Ok } else { Exit::Failed })
}

async fn attempts(receivers: &Receivers, only: Option<&str>) -> Vec<(String, Attempt)> {
    let notice = Notice::test();
    let mut attempts = Vec::new();
    for receiver in receivers.all().iter().filter(|it| only.is_none_or(|only| it.name == only)) {
        let attempt = attempt(receiver, &notice).await;
        attempts.push((receiver.name.clone(), attempt));
    }
    attempts
}

fn show(attempts: &[(String, Attempt)], output: Output) -> String {
    let why = |attempt: &Attempt| match attempt {
        Attempt::Delivered => None,
        Attempt::Later { why, .. } | Attempt::Refused { why } => Some(why.clone()),
    };
    match output {
        Output::Text => {
            let line = |(name, attempt): &(String, Attempt)| match why(attempt) {
                None => format!("{name}: delivered\n"),
                Some(why) => format!("{name}: not delivered: {why}\n"),
            };
            attempts.iter().map(line).collect()
        }
        Output::Json => {
            let one = |(name, attempt): &(String, Attempt)| {
                let why = why(attempt);
                json!({ "receiver": name, "delivered": why.is_none(), "why": why })
            };
            format!("{}\n", json!(attempts.iter().map(one).collect::<Vec<_>>()))
        }
    }
}
