//! NGINX as a cache that knows nothing of sides.

use std::time::Duration;

use anyhow::Result;
use tokio::net::TcpStream;

use crate::artifacts::{self, Proxy};
use crate::ports;
use crate::process::Process;
use crate::scratch::Scratch;

/// It starts within a fraction of a second, more on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(15);

/// A running NGINX that keeps what answers let it keep.
#[derive(Debug)]
pub struct Cache {
    _process: Process,
    port: u16,
}

impl Cache {
    /// Starts one that asks the one port for requests that are marked canary, and the other one for all
    /// others. Below `careless` it keeps cookies too.
    ///
    /// # Errors
    /// Where it does not come up; with the end of its log.
    pub async fn start(
        canary: u16,
        others: u16,
        careless: &str,
        scratch: &Scratch,
    ) -> Result<Self> {
        let port = ports::free()?;
        let folder = scratch.folder("cache")?;
        let at = |name: &str| folder.join(name).to_string_lossy().into_owned();
        // Where the packages' own folders are, nobody but root may write.
        let folders: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {};\n", at(kind)))
            .concat();
        let asks = "proxy_pass http://$asked; proxy_http_version 1.1; proxy_set_header Host $http_host; proxy_cache answers; \
                    proxy_cache_key $request_uri;";
        let text = format!(
            "events {{}}
http {{
    {folders}
    access_log off;
    proxy_cache_path {answers} keys_zone=answers:1m;
    map $http_x_serin_variant $asked {{ canary 127.0.0.1:{canary}; default 127.0.0.1:{others}; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{ {asks} }}
        location {careless} {{ {asks} proxy_ignore_headers Set-Cookie; }}
    }}
}}
",
            answers = at("answers"),
        );
        let conf = scratch.write("cache/nginx.conf", text)?;
        let Proxy { program, libraries } = artifacts::proxy("nginx")?;
        let global = format!("daemon off; pid {}; error_log stderr;", at("pid"));
        let args = ["-p", &at(""), "-c", &conf.to_string_lossy(), "-e", "stderr", "-g", &global]
            .map(str::to_owned);
        let variables = [("LD_LIBRARY_PATH", libraries.as_str())];
        let mut process = Process::start_with("cache", &program, args, &variables, scratch.path())?;
        let listens = || async move { TcpStream::connect(("127.0.0.1", port)).await.is_ok() };
        process.ready(START_LIMIT, listens).await?;
        Ok(Self { _process: process, port })
    }

    /// Where it takes requests.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}
