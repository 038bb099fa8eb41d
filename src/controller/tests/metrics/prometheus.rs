//! The real Prometheus, with a history made beforehand.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A Prometheus. It ends with this value.
pub(crate) struct Prometheus {
    pub(crate) address: String,
    process: Child,
    folder: TempDir,
}

impl Prometheus {
    /// Starts it with a history in `OpenMetrics` text.
    pub(crate) async fn with_history(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("history");
        std::fs::write(&file, text).expect("the history");
        let made = Command::new(program("promtool", "PROMTOOL_BIN"))
            .args(["tsdb", "create-blocks-from", "openmetrics", "--quiet"])
            .args([&file, &folder.path().join("data")])
            .output()
            .expect("promtool");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Self::start(folder, "").await
    }

    /// Starts it with nothing, to scrape `/metrics` of these ports on loopback.
    pub(crate) async fn scraping(ports: &[u16], interval: Duration) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let targets: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        // JSON is YAML as well.
        let config = serde_json::json!({
            "global": {"scrape_interval": format!("{}ms", interval.as_millis())},
            "scrape_configs": [{"job_name": "pods", "static_configs": [{"targets": targets}]}],
        });
        Self::start(folder, &config.to_string()).await
    }

    async fn start(folder: TempDir, config: &str) -> Self {
        // Somebody may take the port between its choice and its use: once is chance.
        let (process, address) = match start(folder.path(), config).await {
            Ok(started) => started,
            Err(_) => start(folder.path(), config).await.unwrap_or_else(|log| panic!("{log}")),
        };
        Self { address, process, folder }
    }

    /// Ends it before its time.
    pub(crate) fn stop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            eprintln!("Prometheus said:\n{log}");
        }
    }
}

/// Waits until it is ready; its log where it does not become so.
async fn start(folder: &Path, text: &str) -> Result<(Child, String), String> {
    let port = {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        free.local_addr().expect("its address").port()
    };
    let (config, log) = (folder.join("prometheus.yaml"), folder.join("log"));
    std::fs::write(&config, text).expect("a configuration");
    let mut process = Command::new(program("prometheus", "PROMETHEUS_BIN"))
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).expect("a log"))
        .spawn()
        .expect("prometheus");
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(30) {
        if ready(port).await {
            return Ok((process, format!("http://127.0.0.1:{port}")));
        }
        if process.try_wait().ok().flatten().is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let _ = process.kill();
    let _ = process.wait();
    Err(std::fs::read_to_string(&log).unwrap_or_default())
}

async fn ready(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else { return false };
    let asked = b"GET /-/ready HTTP/1.0\r\n\r\n";
    let mut answer = String::new();
    stream.write_all(asked).await.is_ok()
        && stream.read_to_string(&mut answer).await.is_ok()
        && answer.contains(" 200 OK")
}

/// Where `make setup` found it, or where the environment says.
fn program(name: &str, variable: &str) -> PathBuf {
    if let Some(path) = std::env::var_os(variable).filter(|path| !path.is_empty()) {
        return path.into();
    }
    let setup = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/setup.json");
    let text = std::fs::read(&setup).unwrap_or_else(|error| {
        panic!("{}: {error}; run `make setup`", setup.display());
    });
    let setup: serde_json::Value = serde_json::from_slice(&text).expect("JSON by `make setup`");
    setup[name].as_str().unwrap_or_else(|| panic!("no {name}: run `make setup`")).into()
}
