//! The connection to the API server.

use core::time::Duration;

use anyhow::Context as _;
use kube::{Client, Config};

/// The longest time to connect. A write that leaves late may no longer be this process's to make.
const CONNECT: Duration = Duration::from_secs(5);

/// The longest silence of the server. Watches end by themselves before that and begin again.
const READ: Duration = Duration::from_secs(295);

/// A client by the environment: a pod's service account, else the user's kubeconfig.
///
/// Nothing is tried again by itself, since a write that was right when it was made may be wrong by
/// the time it comes through; each caller decides anew.
///
/// # Errors
/// Where neither is there, or what is there cannot be used.
pub(crate) async fn connect() -> anyhow::Result<Client> {
    let mut config = Config::infer().await.context(
        "no way to an API server: neither a service account in a pod nor a kubeconfig (KUBECONFIG, ~/.kube/config)",
    )?;
    config.connect_timeout = Some(CONNECT);
    config.read_timeout = Some(READ);
    config.default_retry = false;
    Client::try_from(config).context("the way to the API server cannot be used")
}
