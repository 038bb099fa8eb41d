//! Istio's agent, as it stands between istiod and each proxy of a mesh: it hands over what istiod says,
//! and fetches the modules that a configuration names before the proxy hears of it.

use std::future::ready;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use serin_tests::ports;
use serin_tests::process::Process;
use serin_tests::scratch::Scratch;
use tokio::time::sleep;

use crate::cluster::Cluster;
use crate::tunnel::Tunnel;

const LIMIT: Duration = Duration::from_mins(1);
/// Enough for all to notice.
const BROKEN: Duration = Duration::from_millis(200);
/// What it leaves to others here.
const VARIABLES: [(&str, &str); 3] = [
    // The proxies are started by the tests, as those without an agent are.
    ("DISABLE_ENVOY", "true"),
    // Nobody gives out certificates.
    ("FILE_MOUNTED_CERTS", "true"),
    // It would ask the network in which cloud it is.
    ("CLOUD_PLATFORM", "none"),
];

/// A running agent, for one proxy.
#[derive(Debug)]
pub struct Agent {
    // Before the agent, on whose socket it leads.
    way: Tunnel,
    process: Process,
    _scratch: Scratch,
}

impl Agent {
    /// Starts one, with its log under this name among the cluster's.
    ///
    /// # Errors
    /// Where it does not start.
    pub async fn start(cluster: &Cluster, name: &str) -> Result<Self> {
        // The path of a socket may have no more than a hundred bytes.
        let scratch = Scratch::new()?;
        let config = json!({
            "discoveryAddress": format!("127.0.0.1:{}", cluster.discovery()),
            "configPath": scratch.path(),
            "controlPlaneAuthPolicy": "NONE",
            "statusPort": ports::free()?,
        });
        let config = config.to_string();
        // What it writes for programs that have no proxy.
        let bootstrap = scratch.path().join("grpc.json");
        let bootstrap = bootstrap.to_string_lossy();
        let mut variables = VARIABLES.to_vec();
        variables.extend([("PROXY_CONFIG", config.as_str()), ("GRPC_XDS_BOOTSTRAP", &bootstrap)]);
        let args = ["proxy", "sidecar"].map(str::to_owned);
        let program = &cluster.parts().pilot_agent;
        let mut process = Process::start_with(name, program, args, &variables, cluster.logs())?;
        let socket = scratch.path().join("XDS");
        process.ready(LIMIT, || ready(socket.exists())).await?;
        Ok(Self { way: Tunnel::to_socket(&socket).await?, process, _scratch: scratch })
    }

    /// Where a proxy finds it, as if it were istiod.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.way.port()
    }

    /// Breaks its proxy's connection, which the proxy then makes anew.
    pub async fn break_connection(&self) {
        self.way.cut(true);
        sleep(BROKEN).await;
        self.way.cut(false);
    }

    /// What it has said so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }
}
