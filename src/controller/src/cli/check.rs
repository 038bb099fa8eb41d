//! `serin check`: whether a file is valid, and what it means.

mod document;
mod gates;
mod kubernetes;
mod release;
mod rules;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serin_document::{MAX_DOCUMENT_BYTES, plugin};

use super::{Exit, Failure, Output};
use crate::input;
use crate::release::Release;

/// Check a release file or an assignment document and print what it means.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A release file is YAML with `apiVersion` and `kind`. An assignment document, or a plugin's own
configuration, is JSON with `formatVersion`. The exit code is 0 where the file is valid (also with
warnings) and 1 where it is not.")]
pub struct Args {
    /// The file.
    file: PathBuf,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// What a valid file means: text for people, and the same for programs.
struct Meaning {
    text: String,
    json: serde_json::Value,
    /// Printed on standard error for people.
    warnings: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// Everything that is wrong with the file.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    let Meaning { text, json, warnings } = meaning(&args.file)?;
    match args.output {
        Output::Text => {
            super::print(&text)?;
            for warning in warnings {
                anstream::eprintln!("warning: {warning}");
            }
        }
        Output::Json => super::print(&format!("{json:#}\n"))?,
    }
    Ok(Exit::Ok)
}

fn meaning(file: &Path) -> Result<Meaning, Failure> {
    let bytes =
        input::read(file, MAX_DOCUMENT_BYTES).with_context(|| file.display().to_string())?;
    let Some(fields) = document_fields(&bytes) else {
        return Ok(release::meaning(&Release::from_bytes(&bytes, file)?));
    };
    let refused = |error| anyhow::Error::new(error).context(file.display().to_string());
    let has = |name: &str| fields.contains_key(name);
    // What a source answers always has a revision and never what only a plugin's own configuration
    // may say.
    if has("revision") && !["source", "incoming", "count", "mark"].iter().any(|own| has(own)) {
        document::of_document(serin_document::parse(&bytes).map_err(refused)?, file)
    } else {
        document::of_plugin(plugin::parse(&bytes).map_err(refused)?, file)
    }
}

/// The fields of a JSON object that is no release file. Broken JSON that begins like a document
/// goes to the document's parser too, by an empty object, since that one tells what is wrong.
fn document_fields(bytes: &[u8]) -> Option<serde_json::Map<String, serde_json::Value>> {
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    let fields: serde_json::Map<_, _> = serde_json::from_slice(bytes).unwrap_or_default();
    if fields.contains_key("apiVersion") { None } else { Some(fields) }
}

#[cfg(test)]
mod tests;
