//! A server that answers as no real Prometheus can be made to.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What it sends back.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// These bytes, then it closes the connection.
    Bytes(Vec<u8>),
    /// A series with a sample each five seconds; for a range of more seconds than this, more than
    /// anybody reads.
    TooMuchBeyond(u64),
    /// Nothing, for ever.
    Silence,
    /// A head, then a byte of the body from time to time.
    Drip,
}

impl Reply {
    /// A whole HTTP answer.
    pub(crate) fn http(status: &str, head: &str, body: &str) -> Self {
        let length = body.len();
        let text = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{head}\r\n{body}");
        Self::Bytes(text.into_bytes())
    }

    /// A vector of one value at a time, in seconds.
    pub(crate) fn value(at: &str, value: &str) -> Self {
        let body = format!(
            r#"{{"status":"success","data":{{"resultType":"vector","result":[{{"metric":{{}},"value":[{at},"{value}"]}}]}}}}"#
        );
        Self::http("200 OK", "content-type: application/json\r\n", &body)
    }
}

/// The fake, which ends with this value.
#[derive(Debug)]
pub(crate) struct Fake {
    pub(crate) address: String,
    requests: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Fake {
    /// Answers every request with `reply`.
    pub(crate) async fn start(reply: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("its address"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, reply.clone(), Arc::clone(&heard)));
            }
        });
        Self { address, requests, task }
    }

    /// The requests so far, heads and bodies.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no panic while it is held").clone()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves one request on a connection of any kind.
pub(crate) async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    reply: Reply,
    heard: Arc<Mutex<Vec<String>>>,
) {
    let request = request(&mut stream).await;
    let asked_s = range_s(&request);
    heard.lock().expect("no panic while it is held").push(request.clone());
    match reply {
        Reply::Bytes(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Reply::TooMuchBeyond(most_s) => {
            let too_much = asked_s > most_s && !request.contains("last_over_time");
            let huge = " ".repeat(if too_much { 33 << 20 } else { 0 });
            let body = format!("{}{huge}", one_series(&request, asked_s));
            let begins = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            let _ = stream.write_all((begins + &body).as_bytes()).await;
            let _ = stream.shutdown().await;
        }
        Reply::Silence => std::future::pending().await,
        Reply::Drip => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").await;
            while stream.write_all(b" ").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// The answer to a query for raw samples; a vector of none to any other.
fn one_series(request: &str, range_s: u64) -> String {
    if request.contains("last_over_time") {
        return r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#.to_owned();
    }
    let time = request.split("&time=").nth(1).and_then(|rest| rest.split('.').next());
    let end_s: u64 = time.and_then(|time| time.parse().ok()).unwrap_or_default();
    let values: Vec<String> = (end_s.saturating_sub(range_s) + 1..=end_s)
        .filter(|at| at % 5 == 0)
        .map(|at| format!(r#"[{at},"7"]"#))
        .collect();
    let labels =
        r#"{"__name__":"serin_responses","id":"0a1b2c3d","variant":"stable","class":"ok"}"#;
    format!(
        r#"{{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{labels},"values":[{}]}}]}}}}"#,
        values.join(",")
    )
}

/// The range of a query in seconds, `…%5B60s%5D…`; of several the first.
fn range_s(request: &str) -> u64 {
    let range = request.split("%5B").nth(1).and_then(|rest| rest.split("%5D").next());
    let Some(range) = range else { return 0 };
    let number = |text: &str| text.parse::<u64>().unwrap_or_default();
    match (range.strip_suffix("ms"), range.strip_suffix('s')) {
        (Some(ms), _) => number(ms) / 1000,
        (None, Some(s)) => number(s),
        (None, None) => 0,
    }
}

/// Reads a head, and a body as long as the head says.
async fn request(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok())
                .unwrap_or(0);
            if body.len() >= length {
                return text;
            }
        }
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return text,
            Ok(read) => bytes.extend_from_slice(&chunk[..read]),
        }
    }
}
