//! `serin token create`

use core::time::Duration;

use anyhow::{Context as _, anyhow};
use jiff::Timestamp;
use serde_json::json;
use serin_assignment::Variant;
use serin_document::token::{Claims, TesterKey};
use serin_document::{Audience, KeyId, RolloutName, TesterKeys};

use super::key_file::KeyFile;
use super::time;
use crate::cli::{Exit, Failure, Output, print};

/// The longest life: a token that has got out can be taken back only with its key.
const LONGEST: Duration = Duration::from_hours(366 * 24);

/// Make a token and print it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A token cannot be taken back before it ends, except by taking its key from the proxies.

Example:
  serin token create --rollout shop/checkout --variant canary --audience shop --expires 7d \\
    --key-file keys.json")]
pub(super) struct Args {
    /// The rollout that it is for, namespace/name of the release.
    #[arg(long, value_name = "NAME")]
    rollout: RolloutName,
    /// The side that it opens: canary or stable.
    #[arg(long)]
    variant: Variant,
    /// For whom it is meant: the `audience` of the release's testers.
    #[arg(long)]
    audience: Audience,
    /// How long it holds, such as 7d or 8h; at most 366d.
    #[arg(long, value_name = "DURATION", value_parser = life)]
    expires: Duration,
    #[command(flatten)]
    key_file: KeyFile,
    /// The key to sign with [default: the first one of the file]
    #[arg(long, value_name = "ID")]
    key_id: Option<KeyId>,
    /// How to print: the token alone, or an object with all that it says.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

fn life(text: &str) -> Result<Duration, String> {
    let life = crate::cli::duration(text)?;
    if life.as_secs() == 0 || life > LONGEST {
        return Err("a token holds from 1s to 366d".to_owned());
    }
    Ok(life)
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let keys = args.key_file.read()?;
    print(&made(args, &keys, Timestamp::now())?)?;
    Ok(Exit::Ok)
}

/// What is printed.
pub(super) fn made(args: &Args, keys: &TesterKeys, now: Timestamp) -> anyhow::Result<String> {
    let now = u64::try_from(now.as_second()).context("the clock is before 1970")?;
    let claims = Claims {
        rollout: args.rollout.clone(),
        variant: args.variant,
        expires: now.saturating_add(args.expires.as_secs()),
        audience: args.audience.clone(),
    };
    let key = key(args, keys)?;
    let token = claims.sign(key);
    Ok(match args.output {
        Output::Text => format!("{token}\n"),
        Output::Json => {
            let Claims { rollout, variant, expires, audience } = claims;
            let json = json!({
                "token": token,
                "rollout": rollout,
                "variant": variant,
                "audience": audience,
                "expires": time(expires),
                "key": key.id(),
            });
            format!("{json}\n")
        }
    })
}

fn key<'k>(args: &Args, keys: &'k TesterKeys) -> anyhow::Result<&'k TesterKey> {
    let found = match &args.key_id {
        Some(id) => keys.find(id.as_str()),
        None => keys.iter().next(),
    };
    found.ok_or_else(|| {
        let known: Vec<&str> = keys.iter().map(|key| key.id().as_str()).collect();
        let wanted = args.key_id.as_ref().map_or("", KeyId::as_str);
        let (file, known) = (args.key_file.path().display(), known.join(", "));
        anyhow!("{file} has no key {wanted}; it has {known}")
    })
}
