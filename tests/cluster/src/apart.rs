//! A network of a program's own, in which its tests may have addresses that are no loopback addresses
//! without the machine having them.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use serin_tests::artifacts;
use serin_tests::process::Process;
use tokio::sync::OnceCell;

/// For all tests of the module.
const LIMIT: Duration = Duration::from_mins(8);
/// Tells a program that it is in a network of its own.
const APART: &str = "SERIN_TESTS_APART";
/// In the new network loopback is down, and there is nothing else. The API server does not start where
/// no route leads out.
const SET_UP: &str = "ip link set lo up && ip address add \"$1\"/32 dev lo && \
     ip route add default dev lo src \"$1\" && shift && exec \"$@\"";

/// The address that such a network has beside loopback. `EndpointSlice`s may not hold loopback addresses.
pub const ADDRESS: std::net::Ipv4Addr = std::net::Ipv4Addr::new(10, 77, 0, 1);

/// Whether this process is in a network of its own, which has [`ADDRESS`].
#[must_use]
pub fn is_apart() -> bool {
    std::env::var_os(APART).is_some()
}

/// What the tests of the module said in a network of their own, where all of them are run at the first
/// question: so they share what they start there.
static SAID: OnceCell<Result<String, String>> = OnceCell::const_new();

/// Whether the test of this name has passed in a network of its own, which it shares with the others of
/// its module: the only one of the program with such tests.
///
/// # Errors
/// Where it has not, with the end of what was written; where the tests take longer than eight minutes;
/// and where the system has no `unshare` (util-linux) or `ip` (iproute2), or does not let them do it.
pub async fn passes(module: &str, test: &str) -> Result<()> {
    let said =
        SAID.get_or_init(|| async { run(module).await.map_err(|error| format!("{error:#}")) });
    let said = said.await.as_ref().map_err(|error| anyhow!("{error}"))?;
    let passed = format!("test {module}::{test} ... ok");
    ensure!(said.lines().any(|line| line == passed), "{test} has not passed:\n{said}");
    Ok(())
}

/// Runs a module's tests in a network of their own, and gives what they said.
async fn run(module: &str) -> Result<String> {
    let program = std::env::current_exe().context("where this program lies")?;
    let address = ADDRESS.to_string();
    // As a user who may do in it what root may: outside, nobody need be root for it.
    let args = ["--user", "--map-root-user", "--net", "sh", "-c", SET_UP, "sh", &address];
    let program = program.to_string_lossy();
    let tests = format!("{module}::");
    let args = args.into_iter().chain([program.as_ref(), &tests, "--show-output"]);
    let folder = artifacts::root()?.join("target/cluster");
    std::fs::create_dir_all(&folder)?;
    let name = format!("apart-{}", std::process::id());
    // What is shown of a failure is the end of the log.
    let variables = [(APART, "1"), ("RUST_BACKTRACE", "0")];
    let unshare = Path::new("unshare");
    let args = args.map(str::to_owned);
    let mut process = Process::start_with(&name, unshare, args, &variables, &folder)?;
    process.wait(LIMIT).await?;
    let said = process.log();
    println!("{said}");
    std::fs::remove_file(folder.join(format!("{name}.log")))?;
    Ok(said)
}
