//! `serin operate`

use core::time::Duration;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::log::{LogFormat, log};
use super::run::{interval, receivers};
use super::{Exit, Failure};
use crate::operator::{self, Scope, Settings};

/// Run the `CanaryRelease` objects of a Kubernetes cluster.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The namespace to look after [default: all]
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Where to serve the assignment document, status, commands and metrics.
    #[arg(long, default_value = "0.0.0.0:7316", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// The namespace of the lease by which one of several replicas leads.
    #[arg(long, env = "POD_NAMESPACE", default_value = "serin-system", value_name = "NAMESPACE")]
    lease_namespace: String,
    /// Names this process in the lease; unique among the replicas.
    #[arg(long, env = "POD_NAME", value_name = "NAME")]
    identity: String,
    /// Folder for the intervals that `serin explain` reads; may be empty at each start.
    #[arg(long, default_value = "/tmp/serin", value_name = "FOLDER")]
    work_dir: PathBuf,
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

pub(super) fn run(args: Args) -> Result<Exit, Failure> {
    log(args.log_format);
    let settings = Settings {
        scope: args.namespace.map_or(Scope::All, Scope::Namespace),
        listen: args.listen,
        lease_namespace: args.lease_namespace,
        identity: args.identity,
        work_dir: args.work_dir,
        token_file: args.token_file,
        receivers: receivers(args.receivers.as_deref())?,
        interval: args.interval,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(operator::run(settings));
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended.map(|()| Exit::Ok).map_err(|error| Failure::new(Exit::Failed, error))
}
