//! `serin run FILE…`

use core::time::Duration;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::log::{LogFormat, log};
use super::{Exit, Failure};
use crate::notify::Receivers;
use crate::run::{self, Settings};
use crate::store::StoreError;

/// The shortest interval: below, a pass would end before the next one is due.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);

/// Run the releases of these files.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The release files. They are read again on SIGHUP.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Where to serve the assignment document, status, commands and metrics.
    #[arg(long, default_value = "127.0.0.1:7316", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Folder for the state [default: `$XDG_STATE_HOME/serin` or `~/.local/state/serin`]
    #[arg(long, value_name = "FOLDER")]
    state_dir: Option<PathBuf>,
    /// File with the token that commands from other machines need.
    #[arg(long, env = "SERIN_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// File that says who is told of decisions: chat rooms and webhooks (see `serin notify`).
    #[arg(long, value_name = "FILE")]
    receivers: Option<PathBuf>,
    /// Time between two passes [default: the release's scrape interval, at most 5s]
    #[arg(long, value_parser = interval, value_name = "DURATION")]
    interval: Option<Duration>,
    /// How to write the log, which goes to standard error; `SERIN_LOG` sets what (`info`, `debug`).
    #[arg(long, value_enum, default_value_t)]
    log_format: LogFormat,
}

/// A time between two passes, on the command line.
pub(super) fn interval(text: &str) -> Result<Duration, String> {
    let interval = serin_document::duration::parse(text).map_err(|why| why.to_string())?;
    if interval < SHORTEST_INTERVAL {
        return Err(format!("it is at least {SHORTEST_INTERVAL:?}"));
    }
    Ok(interval)
}

/// Those whom a file names; nobody, where there is no file.
pub(super) fn receivers(file: Option<&Path>) -> Result<Receivers, Failure> {
    let Some(file) = file else { return Ok(Receivers::default()) };
    Receivers::load(file).map_err(|error| Failure::new(Exit::Failed, anyhow::Error::from(error)))
}

pub(super) fn run(args: Args) -> Result<Exit, Failure> {
    log(args.log_format);
    let settings = Settings {
        files: args.files,
        listen: args.listen,
        state_dir: match args.state_dir {
            Some(folder) => folder,
            None => default_state_dir()?,
        },
        token_file: args.token_file,
        receivers: receivers(args.receivers.as_deref())?,
        interval: args.interval,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(run::run(settings));
    // A write to a disk that hangs must not keep the process from ending.
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended.map(|()| Exit::Ok).map_err(|error| {
        let held = matches!(error.downcast_ref(), Some(StoreError::Held { .. }));
        Failure::new(if held { Exit::Held } else { Exit::Failed }, error)
    })
}

fn default_state_dir() -> Result<PathBuf, Failure> {
    let folder = |name: &str| {
        std::env::var_os(name).map(PathBuf::from).filter(|folder| folder.is_absolute())
    };
    folder("XDG_STATE_HOME")
        .or_else(|| folder("HOME").map(|home| home.join(".local/state")))
        .map(|state| state.join("serin"))
        .ok_or_else(|| {
            let what = "neither XDG_STATE_HOME nor HOME is set: say --state-dir";
            Failure::new(Exit::Usage, anyhow!(what))
        })
}
