//! `serin token verify`

use core::time::Duration;
use std::io;

use anyhow::{Context as _, anyhow};
use jiff::Timestamp;
use serde_json::json;
use serin_document::token::{Claims, Refusal, Token};
use serin_document::{Audience, RolloutName, TesterKeys};

use super::key_file::KeyFile;
use super::time;
use crate::cli::{Exit, Failure, Output, print};

/// Check a token and say what it opens.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Ends with 0 where a proxy with these keys would take the token now, with 8 where it would not. The
reason is the one that `serin_tokens_refused` counts: malformed, unknown-key, bad-signature,
other-rollout, other-audience or expired.")]
pub(super) struct Args {
    /// The token; `-` reads it from standard input.
    token: String,
    #[command(flatten)]
    key_file: KeyFile,
    /// The rollout that it has to be for.
    #[arg(long, value_name = "NAME")]
    rollout: Option<RolloutName>,
    /// For whom it has to be meant.
    #[arg(long)]
    audience: Option<Audience>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let keys = args.key_file.read()?;
    let sent = match args.token.as_str() {
        "-" => io::read_to_string(io::stdin()).context("standard input")?,
        token => token.to_owned(),
    };
    let (text, refusal) = checked(args, sent.trim_ascii(), &keys, Timestamp::now());
    match (args.output, refusal) {
        (Output::Text, Some(_)) => {}
        _ => print(&text)?,
    }
    match (args.output, refusal) {
        (_, None) => Ok(Exit::Ok),
        (Output::Json, Some(_)) => Ok(Exit::TokenRefused),
        (Output::Text, Some(_)) => Err(Failure::new(Exit::TokenRefused, anyhow!("{text}"))),
    }
}

/// What is said of a token, and why it is refused if it is.
pub(super) fn checked(
    args: &Args,
    sent: &str,
    keys: &TesterKeys,
    now: Timestamp,
) -> (String, Option<Refusal>) {
    let token = Token::read(sent.as_bytes());
    let key = token.as_ref().map(|token| token.key().to_owned()).unwrap_or_default();
    let claims = token.and_then(|token| token.verify(keys));
    let admitted = claims.as_ref().map_err(|refusal| *refusal).and_then(|claims| {
        let rollout = args.rollout.as_ref().unwrap_or(&claims.rollout);
        let audience = args.audience.as_ref().unwrap_or(&claims.audience);
        let now = Duration::from_secs(u64::try_from(now.as_second()).unwrap_or_default());
        claims.admit(rollout, audience, || now)
    });
    let refusal = admitted.err();
    let text = match args.output {
        Output::Text => text(claims.as_ref().ok(), &key, refusal),
        Output::Json => {
            // What nobody has signed is not told as if somebody had.
            let says = claims.ok().map(|Claims { rollout, variant, expires, audience }| {
                json!({
                    "rollout": rollout,
                    "variant": variant,
                    "audience": audience,
                    "expires": time(expires),
                    "key": key,
                })
            });
            let reason = refusal.map(Refusal::as_str);
            json!({"valid": refusal.is_none(), "reason": reason, "says": says}).to_string() + "\n"
        }
    };
    (text, refusal)
}

fn text(claims: Option<&Claims>, key: &str, refusal: Option<Refusal>) -> String {
    let Some(Claims { rollout, variant, expires, audience }) = claims else {
        let why = match refusal {
            Some(Refusal::UnknownKey) => format!("the file has no key {key}"),
            Some(Refusal::BadSignature) => {
                format!("the file's key {key} has not signed this, or it was changed since")
            }
            _ => "it is no token of `serin token create`, or was cut".to_owned(),
        };
        return refused(refusal, &why);
    };
    let until = time(*expires);
    match refusal {
        None => format!("valid until {until}: {variant} of {rollout} for {audience}, key {key}\n"),
        Some(Refusal::Expired) => refused(refusal, &format!("it ended at {until}")),
        Some(Refusal::OtherAudience) => refused(refusal, &format!("it is meant for {audience}")),
        _ => refused(refusal, &format!("it is for {rollout}")),
    }
}

fn refused(refusal: Option<Refusal>, why: &str) -> String {
    let reason = refusal.map_or("", Refusal::as_str);
    format!("the token is refused: {reason}: {why}")
}
