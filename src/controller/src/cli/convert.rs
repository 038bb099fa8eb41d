//! `serin convert`

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;

use super::{Exit, Failure, Output, print};
use crate::convert::{Assumed, Converted, Note, convert};
use crate::input;
use crate::prometheus::Address;

/// The longest file, in bytes: a hundred times a large one.
const LONGEST: usize = 4 << 20;

/// Write a `CanaryRelease` from a Canary of Flagger's or a Rollout of Argo's.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Files may hold several documents; those with the templates of metrics (MetricTemplate,
AnalysisTemplate, ClusterAnalysisTemplate) belong to them. The release goes to standard output. What
has no counterpart is told on standard error, a line each, with what to do instead; the exit code is 3
then. Look at the result with `serin check`.")]
pub(super) struct Args {
    /// The files; `-` for standard input.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The Prometheus to write down where no document names one.
    #[arg(long, value_name = "URL", default_value = "http://prometheus.istio-system:9090")]
    prometheus: Address,
    /// How to print: YAML, or JSON that has the notes too.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let mut documents = Vec::new();
    for file in &args.files {
        documents.extend(read(file).with_context(|| file.display().to_string())?);
    }
    let files: Vec<String> = args.files.iter().map(|file| file.display().to_string()).collect();
    let assumed = Assumed { prometheus: args.prometheus.to_string() };
    let converted = convert(&documents, &assumed).with_context(|| files.join(", "))?;
    match args.output {
        Output::Text => print(&yaml(&converted)?)?,
        Output::Json => {
            let all: Vec<Value> = converted
                .iter()
                .map(|it| serde_json::json!({"release": it.release, "notes": it.notes}))
                .collect();
            print(&format!("{:#}\n", serde_json::json!({ "converted": all })))?;
        }
    }
    let notes = || converted.iter().flat_map(|it| it.notes.iter().map(move |note| (it, note)));
    if args.output == Output::Text {
        for (converted, note) in notes() {
            anstream::eprintln!("{}", line(converted, note));
        }
    }
    // The code for what is not there: of these fields, a counterpart.
    Ok(if notes().any(|(_, note)| note.left_out) { Exit::NotFound } else { Exit::Ok })
}

fn read(file: &Path) -> anyhow::Result<Vec<Value>> {
    let bytes = if file.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().take(LONGEST as u64).read_to_end(&mut bytes)?;
        bytes
    } else {
        input::read(file, LONGEST)?
    };
    let text = str::from_utf8(&bytes)?;
    let documents: Vec<Value> = serde_saphyr::from_multiple(text)?;
    Ok(documents.into_iter().filter(|document| !document.is_null()).collect())
}

fn yaml(converted: &[Converted]) -> anyhow::Result<String> {
    let texts: Result<Vec<String>, _> =
        converted.iter().map(|it| serde_saphyr::to_string(&it.release)).collect();
    Ok(texts?.join("---\n"))
}

fn line(converted: &Converted, note: &Note) -> String {
    let name = converted.release.pointer("/metadata/name").and_then(Value::as_str);
    let kind = if note.left_out { "left out" } else { "note" };
    format!("{kind}: {}: {}: {}", name.unwrap_or_default(), note.field, note.message)
}
