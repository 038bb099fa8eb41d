//! The connection to the API server.

use core::time::Duration;

use anyhow::Context as _;
use kube::{Client, Config};
use tokio::time::timeout;

/// The longest time to connect. A write that leaves late may no longer be this process's to make.
const CONNECT: Duration = Duration::from_secs(5);

/// The longest silence of the server. Watches end by themselves before that and begin again.
const READ: Duration = Duration::from_secs(295);

/// The longest time for an answer to a question: who asks has other things to do.
const ANSWER: Duration = Duration::from_secs(5);

/// An answer of the API server, or why there is none; a connection that is dead without anybody's
/// knowing is not waited for.
///
/// # Errors
/// What the server says, or that it says nothing.
pub(super) async fn answer<T>(
    question: impl Future<Output = kube::Result<T>>,
) -> Result<T, String> {
    match timeout(ANSWER, question).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!("the API server has not answered within {ANSWER:?}")),
    }
}

/// How often a write that met another one is decided again at once before it counts as failed. Others
/// (owners, tools) write an object far less often than that.
pub(super) const CONFLICTS: u32 = 5;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_server_that_says_nothing_is_not_waited_for() {
        let silent = core::future::pending::<kube::Result<()>>();
        let answered = timeout(ANSWER * 2, answer(silent)).await.expect("an end");
        assert_eq!(answered, Err("the API server has not answered within 5s".to_owned()));
        assert_eq!(answer(async { Ok(1) }).await, Ok(1));
    }
}
