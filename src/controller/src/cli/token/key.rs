//! `serin token key`

use std::path::PathBuf;

use anyhow::{anyhow, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};
use serin_document::token::TesterKey;
use serin_document::{KeyId, TesterKeys};

use super::key_file;
use crate::cli::{Exit, Failure, print};

/// Make a key and print the keys with it in front.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The first key of a file signs; all of them verify. To change keys, give proxies the file with the
new key in front, then make tokens with it, and leave the old key out once its last token has ended.

Example:
  (umask 077; serin token key > keys.json)
  (umask 077; serin token key --key-file keys.json > keys.new.json)")]
pub(super) struct Args {
    /// The key's id, which its tokens carry [default: today's date]
    #[arg(long)]
    id: Option<KeyId>,
    /// File with keys to print after the new one [default: none]
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let others = args.key_file.as_deref().map(key_file::read).transpose()?.unwrap_or_default();
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)?;
    print(&made(args, &others, &secret, Timestamp::now())?)?;
    Ok(Exit::Ok)
}

/// What is printed: a line a key.
pub(super) fn made(
    args: &Args,
    others: &TesterKeys,
    secret: &[u8],
    now: Timestamp,
) -> anyhow::Result<String> {
    let id = match &args.id {
        Some(id) => id.clone(),
        None => KeyId::new(&now.strftime("%Y-%m-%d").to_string())?,
    };
    ensure!(others.find(id.as_str()).is_none(), "the file has a key {id}: say another --id");
    let key = TesterKey::new(id, secret)?;
    let line = |key: &TesterKey| json!({"id": key.id(), "key": key.secret_base64()});
    let lines: Vec<Value> = std::iter::once(&key).chain(others.iter()).map(line).collect();
    let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
    let text = format!("[{}]\n", lines.join(",\n "));
    // As many as proxies take.
    TesterKeys::read(text.as_bytes(), "keys").map_err(|fault| anyhow!("{fault}"))?;
    Ok(text)
}
