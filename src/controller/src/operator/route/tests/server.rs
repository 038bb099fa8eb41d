//! One object behind the API of Kubernetes: versions, conflicts, and nothing else.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use kube::{Client, Config};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use serin_routes::Text;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Somebody else's change.
type Change = Box<dyn Fn(&mut Value) + Send>;

pub(super) struct ApiServer {
    port: u16,
    stored: Arc<Mutex<Stored>>,
    task: JoinHandle<()>,
}

struct Stored {
    text: String,
    version: u64,
    /// What was sent and stored, oldest first.
    taken: Vec<String>,
    conflicts: usize,
    refuses: bool,
    /// How often somebody else still writes after it was read, and what.
    rival: Option<(u32, Change)>,
}

impl ApiServer {
    pub(super) async fn holds(text: &str) -> Self {
        let stored = Stored {
            text: text.to_owned(),
            version: 0,
            taken: Vec::new(),
            conflicts: 0,
            refuses: false,
            rival: None,
        };
        let stored = Arc::new(Mutex::new(stored));
        stored.lock().unwrap().change(|_| {});
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let app = Router::new().fallback(answer).with_state(Arc::clone(&stored));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { port, stored, task }
    }

    pub(super) fn client(&self) -> Client {
        let address = format!("http://127.0.0.1:{}", self.port);
        let mut config = Config::new(address.parse().unwrap());
        config.default_retry = false;
        Client::try_from(config).unwrap()
    }

    pub(super) fn object(&self) -> Value {
        serde_json::from_str(&self.stored().text).unwrap()
    }

    /// What it is to be, as it is written.
    pub(super) fn spec(&self) -> String {
        let text = self.stored().text.clone();
        let fields: BTreeMap<String, Box<RawValue>> = serde_json::from_str(&text).unwrap();
        fields["spec"].get().to_owned()
    }

    pub(super) fn taken(&self) -> Vec<String> {
        self.stored().taken.clone()
    }

    pub(super) fn conflicts(&self) -> usize {
        self.stored().conflicts
    }

    pub(super) fn refuse(&self, refuses: bool) {
        self.stored().refuses = refuses;
    }

    /// Somebody else's write.
    pub(super) fn change(&self, change: impl Fn(&mut Value)) {
        self.stored().change(change);
    }

    /// Somebody else writes between a read and the next write, so many times.
    pub(super) fn rival(&self, times: u32, change: impl Fn(&mut Value) + Send + 'static) {
        self.stored().rival = Some((times, Box::new(change)));
    }

    fn stored(&self) -> MutexGuard<'_, Stored> {
        self.stored.lock().unwrap()
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Stored {
    fn change(&mut self, change: impl Fn(&mut Value)) {
        self.version += 1;
        let text = Text::read(self.text.clone()).unwrap();
        let mut object = text.tree().clone();
        change(&mut object);
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        object["metadata"]["generation"] = json!(self.version);
        self.text = text.changed(&object);
    }

    fn read(&mut self) -> String {
        let read = self.text.clone();
        if let Some((times, change)) = self.rival.take() {
            self.change(&change);
            self.rival = (times > 1).then(|| (times - 1, change));
        }
        read
    }

    fn write(&mut self, sent: String, dry_run: bool) -> (StatusCode, String) {
        if self.refuses {
            return refused(StatusCode::UNPROCESSABLE_ENTITY, "Invalid");
        }
        let object: Value = serde_json::from_str(&sent).unwrap();
        let version = object["metadata"]["resourceVersion"].as_str();
        if version.and_then(|version| version.parse().ok()) != Some(self.version) {
            self.conflicts += 1;
            return refused(StatusCode::CONFLICT, "Conflict");
        }
        if dry_run {
            return (StatusCode::OK, sent);
        }
        self.taken.push(sent.clone());
        self.text = sent;
        self.change(|_| {});
        (StatusCode::OK, self.text.clone())
    }
}

async fn answer(
    State(stored): State<Arc<Mutex<Stored>>>,
    method: Method,
    uri: Uri,
    sent: String,
) -> (StatusCode, String) {
    let mut stored = stored.lock().unwrap();
    if !uri.path().contains("/namespaces/shop/") || !uri.path().ends_with("/web") {
        return refused(StatusCode::NOT_FOUND, "NotFound");
    }
    if method == Method::GET {
        return (StatusCode::OK, stored.read());
    }
    assert_eq!(method, Method::PUT);
    stored.write(sent, uri.query().is_some_and(|query| query.contains("dryRun=All")))
}

fn refused(code: StatusCode, reason: &str) -> (StatusCode, String) {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": reason, "reason": reason, "code": code.as_u16(),
    });
    (code, status.to_string())
}
