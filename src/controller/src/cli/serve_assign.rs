//! `serin serve-assign`

use core::time::Duration;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use hyper_rustls::ConfigBuilderExt as _;
use rustls::{ClientConfig, RootCertStore};
use serin_document::plugin::WhenStale;
use serin_document::{Environment, Incoming, MarkName, Overrides, TesterKeys};

use super::log::{LogFormat, log};
use super::token::read_keys;
use super::{Exit, Failure, duration};
use crate::metrics::http;
use crate::prometheus::Address;
use crate::serve_assign::{self, Settings, Source};

/// Decide for proxies that cannot run the filter: answer their sub-requests with the mark.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A proxy asks about each request, with the request's own headers, and is answered with status 200 and
the mark (`x-serin-variant: canary` or `stable`, or none where its weights decide):
  /v1/decide/original   NGINX's auth_request: X-Original-URL (or X-Original-URI and the original
                        Host), X-Real-IP
  /v1/decide/forwarded  Traefik's forwardAuth, Caddy's forward_auth: X-Forwarded-Proto, -Host, -Uri,
                        -For
The proxy has to set these headers itself, whatever its client sent. Beside them: /metrics, /healthz,
and /readyz, which answers 503 before the first document.")]
pub(super) struct Args {
    /// The controller's address, or that of another source of its document.
    #[arg(long, default_value = "http://127.0.0.1:7316", value_name = "URL")]
    source: Address,
    /// File with the document, in place of a source; looked at once a second.
    #[arg(long, conflicts_with = "source", value_name = "FILE")]
    document: Option<PathBuf>,
    /// Where to serve.
    #[arg(long, default_value = "127.0.0.1:7317", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// How long the source may be silent before its document is stale.
    #[arg(long, value_parser = duration, default_value = "5m", value_name = "DURATION")]
    stale_after: Duration,
    /// What a stale document means: `keep` (it goes on) or `unmarked` (the proxies' weights decide).
    #[arg(long, default_value = "keep", value_name = "WHAT")]
    when_stale: WhenStale,
    /// Marks that requests bring along, in place of what the document says: `replace` or `keep`.
    #[arg(long, value_name = "WHAT")]
    incoming: Option<Incoming>,
    /// The header that carries the mark, in place of the document's.
    #[arg(long, value_name = "HEADER")]
    mark: Option<MarkName>,
    /// The namespace whose short host names hold.
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// File with the keys of testers' tokens, as `serin token key` prints them.
    #[arg(long, env = "SERIN_TESTER_KEY_FILE", value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// How to write the log, which goes to standard error; `SERIN_LOG` sets what (`info`, `debug`).
    #[arg(long, value_enum, default_value_t)]
    log_format: LogFormat,
}

pub(super) fn run(args: Args) -> Result<Exit, Failure> {
    log(args.log_format);
    let keys = match &args.key_file {
        Some(path) => read_keys(path)?,
        None => TesterKeys::default(),
    };
    let overrides = Overrides { incoming: args.incoming, mark: args.mark, ..Overrides::default() };
    let source = match args.document {
        Some(path) => Source::File(path),
        None => Source::Url {
            http: http::connections(tls(&args.source)?),
            address: args.source,
            stale_after: args.stale_after,
            when_stale: args.when_stale,
        },
    };
    let environment = Environment { namespace: args.namespace, overrides, keys };
    let settings = Settings { source, listen: args.listen, environment };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve_assign::run(settings))?;
    Ok(Exit::Ok)
}

fn tls(source: &Address) -> Result<ClientConfig, Failure> {
    let provider = rustls::crypto::ring::default_provider();
    let builder = ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()?;
    // Plain HTTP needs no certificates, and a small image may have none.
    let builder = if source.is_https() {
        builder.with_native_roots().context("cannot read the system's certificates")?
    } else {
        builder.with_root_certificates(RootCertStore::empty())
    };
    Ok(builder.with_no_client_auth())
}
