//! The browser's own protocol: JSON over a WebSocket, one request at a time.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

/// How long an answer may take: a script may wait for something on the page.
const LIMIT: Duration = Duration::from_mins(1);

/// A connection to a browser.
#[derive(Debug)]
pub(super) struct Protocol {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    last: u64,
    session: Option<String>,
    /// What the page complained about.
    pub(super) faults: Vec<String>,
    /// What servers refused it, and where they are.
    pub(super) refused: Vec<String>,
}

impl Protocol {
    pub(super) async fn connect(address: &str) -> Result<Self> {
        // A picture of a long page is one message.
        let any = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let (socket, _) = connect_async_with_config(address, Some(any), true)
            .await
            .context("connecting to the browser")?;
        Ok(Self { socket, last: 0, session: None, faults: Vec::new(), refused: Vec::new() })
    }

    /// Sends what follows to this part of the browser.
    pub(super) fn attach(&mut self, session: String) {
        self.session = Some(session);
    }

    /// Sends a request and waits for its answer.
    pub(super) async fn ask<T: DeserializeOwned>(
        &mut self,
        method: &str,
        parameters: Value,
    ) -> Result<T> {
        self.last += 1;
        let id = self.last;
        let request = Request { id, method, params: parameters, session: self.session.as_deref() };
        self.socket.send(Message::text(serde_json::to_string(&request)?)).await?;
        let answer = async {
            loop {
                let message = self.socket.next().await.context("the browser has gone")??;
                let Message::Text(text) = message else { continue };
                match serde_json::from_str(&text)? {
                    Incoming { id: Some(answered), error: Some(error), .. } if answered == id => {
                        bail!("{method}: {error}");
                    }
                    Incoming { id: Some(answered), result, .. } if answered == id => {
                        return serde_json::from_value(result).with_context(|| method.to_owned());
                    }
                    event => self.note(event),
                }
            }
        };
        timeout(LIMIT, answer).await.with_context(|| format!("{method}: no answer"))?
    }

    /// Keeps what an event complains about. That a server cannot be reached, or refuses something, is
    /// not the page's fault.
    fn note(&mut self, event: Incoming) {
        let Parameters { exception_details, entry } = event.params;
        match event.method.as_str() {
            "Runtime.exceptionThrown" => self.faults.push(exception_details.to_string()),
            "Log.entryAdded" if entry.level != "error" => {}
            "Log.entryAdded" if entry.source == "network" => {
                self.refused.push(format!("{} {}", entry.url, entry.text));
            }
            "Log.entryAdded" => self.faults.push(entry.text),
            _ => {}
        }
    }
}

#[derive(Serialize)]
struct Request<'a> {
    id: u64,
    method: &'a str,
    params: Value,
    #[serde(rename = "sessionId", skip_serializing_if = "Option::is_none")]
    session: Option<&'a str>,
}

/// An answer, which has an id, or an event, which has a method.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Incoming {
    id: Option<u64>,
    result: Value,
    error: Option<Value>,
    method: String,
    params: Parameters,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Parameters {
    exception_details: Value,
    entry: Entry,
}

/// A line of the browser's console.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entry {
    level: String,
    source: String,
    text: String,
    url: String,
}
