//! `serin serve-assign`: a process beside proxies that cannot run the filter, which decides for
//! them. It gets the document as a filter does, and keeps to the same rules.

mod held;
mod poll;
mod server;

use core::time::Duration;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use serin_document::Environment;
use serin_document::plugin::WhenStale;

use crate::engine::Stop;
use crate::metrics::http::Http;
use crate::prometheus::Address;
use crate::run::open_files;
use crate::server::Limits;
use crate::serving;
use held::Held;
use server::App;

/// The longest head of a request, in bytes: what Envoy takes (60 KiB) and NGINX (32 KiB) fits.
const LONGEST_HEAD: usize = 64 << 10;

/// What the command line says.
#[derive(Debug)]
pub struct Settings {
    /// Where the document comes from.
    pub source: Source,
    /// Where to serve.
    pub listen: SocketAddr,
    /// What this tier adds to the document.
    pub environment: Environment,
}

/// Where the document comes from.
#[derive(Debug)]
pub enum Source {
    /// A controller, or whoever serves its document.
    Url {
        /// Its address.
        address: Address,
        /// The connections to it.
        http: Http,
        /// How long it may be silent before what it said is stale.
        stale_after: Duration,
        /// What happens then.
        when_stale: WhenStale,
    },
    /// A file, which is looked at once a second.
    File(PathBuf),
}

impl Source {
    fn name(&self) -> String {
        match self {
            Self::Url { address, .. } => address.to_string(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// A file is there; it does not get stale.
    const fn patience(&self) -> Option<(Duration, WhenStale)> {
        match self {
            Self::Url { stale_after, when_stale, .. } => Some((*stale_after, *when_stale)),
            Self::File(_) => None,
        }
    }
}

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// Where the address cannot be used, or the server ends by itself.
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    let limits = Limits { head: LONGEST_HEAD, ..Limits::for_open_files(open_files::raise()) };
    let (listener, address) = serving::listen(settings.listen).await?;
    let mut asked = serving::Asked::to_end()?;
    let Settings { source, environment, .. } = settings;
    let held = Arc::new(Held::new(environment, source.name(), source.patience()));
    tracing::info!(%address, source = held.source(), "deciding on http://{address}");
    let (give, stop) = Stop::new();
    let asking = tokio::spawn(poll::keep_up(source, Arc::clone(&held)));
    let app = App::new(held);
    let mut serving = tokio::spawn(server::serve(listener, app, limits, stop));
    tokio::select! {
        biased;
        () = asked.come() => {}
        served = &mut serving => {
            served?;
            bail!("the server ended though nobody asked it to")
        }
    }
    tracing::info!("ending");
    asking.abort();
    give.send_replace(true);
    Ok(serving.await?)
}
