//! Asks a running controller.

use core::time::Duration;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serin_rollout::Command;

use super::{Exit, Failure};
use crate::prometheus::Address;
use crate::server::{NAME, Token};
use crate::status::Status;

/// The controller answers from memory; a command waits for one write to the disk.
const PATIENCE: Duration = Duration::from_secs(10);

/// Status of a thousand releases with a hundred decisions each stays below.
const LARGEST_ANSWER: usize = 64 << 20;

/// Which controller, and which release.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Target {
    /// The release; may be left out where the controller runs only one.
    #[arg(value_name = "[NAMESPACE/]NAME")]
    pub(super) release: Option<String>,
    /// The controller's address.
    #[arg(long, env = "SERIN_SERVER", default_value = "http://127.0.0.1:7316", value_name = "URL")]
    server: Address,
    /// File with the token that the controller wants from other machines.
    #[arg(long, env = "SERIN_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// A connection to a controller.
#[derive(Debug)]
pub(super) struct Client {
    server: Address,
    token: Option<Token>,
    http: HttpClient<HttpsConnector<HttpConnector>, Empty<Bytes>>,
}

#[derive(Deserialize)]
struct ApiError {
    error: String,
}

impl Client {
    pub(super) fn new(target: &Target) -> Result<Self, Failure> {
        let token = target.token_file.as_deref().map(Token::read).transpose()?;
        let provider = rustls::crypto::ring::default_provider();
        let builder = ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()?;
        // Reading the system's certificates takes longer than all else; plain HTTP needs none.
        let builder = if target.server.is_https() {
            builder.with_native_roots().context("cannot read the system's certificates")?
        } else {
            builder.with_root_certificates(RootCertStore::empty())
        };
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(builder.with_no_client_auth())
            .https_or_http()
            .enable_http1()
            .build();
        let http = HttpClient::builder(TokioExecutor::new()).build(connector);
        Ok(Self { server: target.server.clone(), token, http })
    }

    /// All releases.
    pub(super) async fn list(&self) -> Result<Vec<Status>, Failure> {
        self.ask(Method::GET, "/v1/releases").await
    }

    /// One release, with what its decisions follow from.
    pub(super) async fn whole(&self, release: &Status) -> Result<Status, Failure> {
        self.ask(Method::GET, &format!("/v1/releases/{}", release.key())).await
    }

    /// Gives a command and waits for what it led to.
    pub(super) async fn command(&self, to: &Status, command: Command) -> Result<Status, Failure> {
        let path = format!("/v1/releases/{}/{}", to.key(), command.word());
        self.ask(Method::POST, &path).await
    }

    /// The intervals that a gate's evidence is made from, a line each.
    pub(super) async fn intervals(
        &self,
        of: &Status,
        gate: &str,
        bound: usize,
    ) -> Result<String, Failure> {
        let gate: String = form_urlencoded::byte_serialize(gate.as_bytes()).collect();
        let path = format!("/v1/releases/{}/intervals?gate={gate}&bound={bound}", of.key());
        let body = self.body(Method::GET, &path).await?;
        let text = String::from_utf8(body.into());
        Ok(text.with_context(|| format!("{} is no Serin controller", self.server))?)
    }

    async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str) -> Result<T, Failure> {
        let answer = serde_json::from_slice(&self.body(method, path).await?);
        Ok(answer.with_context(|| format!("{} is no Serin controller", self.server))?)
    }

    async fn body(&self, method: Method, path: &str) -> Result<Bytes, Failure> {
        let (status, body) = match tokio::time::timeout(PATIENCE, self.exchange(method, path)).await
        {
            Ok(answer) => answer?,
            Err(_) => return Err(self.unreachable(anyhow!("no answer within {PATIENCE:?}"))),
        };
        if status.is_success() {
            return Ok(body);
        }
        let told = serde_json::from_slice::<ApiError>(&body).map(|told| told.error);
        let told = told.unwrap_or_else(|_| format!("{} answered {status}", self.server));
        Err(Failure::new(exit(status), anyhow!(told)))
    }

    async fn exchange(&self, method: Method, path: &str) -> Result<(StatusCode, Bytes), Failure> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.server));
        if let Some(name) = giver() {
            request = request.header(&NAME, name);
        }
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {}", token.secret()));
        }
        let answer = self.http.request(request.body(Empty::new())?).await;
        let (head, body) = answer.map_err(|error| self.unreachable(error.into()))?.into_parts();
        let body = Limited::new(body, LARGEST_ANSWER).collect().await;
        let body = body.map_err(|error| self.unreachable(anyhow!(error)))?.to_bytes();
        Ok((head.status, body))
    }

    fn unreachable(&self, error: anyhow::Error) -> Failure {
        let what = format!("no controller answers at {}", self.server);
        Failure::new(Exit::Unreachable, error.context(what))
    }
}

/// Who runs this program, for the log, where the name can stand in a header.
fn giver() -> Option<HeaderValue> {
    let name = std::env::var("USER").ok().filter(|name| !name.is_empty())?;
    HeaderValue::from_str(&name).ok()
}

fn exit(status: StatusCode) -> Exit {
    match status {
        StatusCode::NOT_FOUND => Exit::NotFound,
        StatusCode::CONFLICT => Exit::Refused,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Exit::Denied,
        _ => Exit::Failed,
    }
}

/// The release that is meant: by its whole name, by its name where only one has it, or the only
/// one there is.
pub(super) fn choose(mut releases: Vec<Status>, wanted: Option<&str>) -> Result<Status, Failure> {
    let known = releases.iter().map(Status::key).collect::<Vec<_>>().join(", ");
    if let Some(wanted) = wanted {
        let whole = wanted.contains('/');
        releases
            .retain(|status| if whole { status.key() == wanted } else { status.name == wanted });
    }
    match (releases.pop(), releases.is_empty(), wanted) {
        (Some(release), true, _) => Ok(release),
        (None, _, Some(wanted)) => {
            let what = anyhow!("there is no release `{wanted}`; the controller runs {known}");
            Err(Failure::new(Exit::NotFound, what))
        }
        (None, _, None) => {
            Err(Failure::new(Exit::NotFound, anyhow!("the controller runs no release")))
        }
        (Some(_), false, _) => {
            let what = anyhow!("several releases may be meant: say which of {known}");
            Err(Failure::new(Exit::Usage, what))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::example;

    fn releases(names: &[(&str, &str)]) -> Vec<Status> {
        let status = |(namespace, name): &(&str, &str)| Status {
            namespace: (*namespace).to_owned(),
            name: (*name).to_owned(),
            ..example()
        };
        names.iter().map(status).collect()
    }

    #[test]
    fn a_release_is_found_by_what_names_it_alone() {
        let known = [("a", "shop"), ("b", "shop"), ("b", "feed")];
        let cases = [
            (&known[..], Some("a/shop"), Ok("a/shop")),
            (&known[..], Some("feed"), Ok("b/feed")),
            (&known[..], Some("shop"), Err(Exit::Usage)),
            (&known[..], None, Err(Exit::Usage)),
            (&known[..], Some("c/shop"), Err(Exit::NotFound)),
            (&known[..1], None, Ok("a/shop")),
            (&[], None, Err(Exit::NotFound)),
        ];
        for (known, wanted, expected) in cases {
            let chosen = choose(releases(known), wanted).map(|status| status.key());
            let chosen = chosen.as_deref().map_err(Failure::exit);
            assert_eq!(chosen, expected, "{wanted:?} of {known:?}");
        }
    }
}
