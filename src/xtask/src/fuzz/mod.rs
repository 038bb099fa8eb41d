//! Fuzzing: builds the targets of `tests/fuzz/` so that libFuzzer sees what they cover, and runs them.
//!
//! A stable compiler takes the flags for coverage; only sanitizers would need a nightly one.

mod corpus;
mod flags;
mod target;

use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::repository::Repository;
use target::{Corpus, Target};

const USAGE: &str = "\
Usage: cargo xtask fuzz [--seconds N] [--fixed] [target…]
       cargo xtask fuzz --minimise [target…]

  --seconds N  for how long each target is run (600)
  --fixed      begin with the corpus in the repository alone, the same way every time
  --minimise   make the corpus in the repository anew: few inputs that cover what all together do";

/// What is asked for.
struct Order {
    time: Duration,
    fixed: bool,
    minimise: bool,
    targets: Vec<String>,
}

impl Order {
    fn read(args: &[&str]) -> Result<Self> {
        let mut order = Self {
            time: Duration::from_mins(10),
            fixed: false,
            minimise: false,
            targets: Vec::new(),
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match *arg {
                "--fixed" => order.fixed = true,
                "--minimise" => order.minimise = true,
                "--seconds" => {
                    let seconds = args.next().context(USAGE)?;
                    let seconds = seconds.parse().ok().filter(|seconds| *seconds > 0);
                    order.time = Duration::from_secs(seconds.context(USAGE)?);
                }
                "--help" | "-h" => bail!("{USAGE}"),
                option if option.starts_with('-') => bail!("unknown option {option}\n\n{USAGE}"),
                target => order.targets.push(target.to_owned()),
            }
        }
        Ok(order)
    }
}

/// Runs all targets or those that are named, as many at once as there are processors.
pub(crate) fn run(repository: &Repository, args: &[&str]) -> Result<()> {
    let order = Order::read(args)?;
    let targets = Target::all(repository)?;
    if let Some(unknown) = order.targets.iter().find(|name| !targets.iter().any(|t| t.is(name))) {
        bail!("there is no target \"{unknown}\" in tests/fuzz/targets");
    }
    build(repository)?;
    let mut wanted = targets;
    wanted.retain(|target| order.targets.is_empty() || order.targets.iter().any(|n| target.is(n)));
    if order.minimise {
        return wanted.iter().try_for_each(|target| target.minimise(repository));
    }
    let corpus = if order.fixed { Corpus::Fixed } else { Corpus::Grown };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let waiting = Mutex::new(wanted.into_iter());
    let failures = thread::scope(|scope| {
        let work = || {
            let mut failures = Vec::new();
            loop {
                // Not held while the target runs.
                let next = waiting.lock().map_or(None, |mut waiting| waiting.next());
                let Some(target) = next else { return failures };
                match target.run(repository, corpus, order.time) {
                    Ok(line) => println!("fuzz: {line}"),
                    Err(error) => failures.push(format!("{error:#}")),
                }
            }
        };
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let ended = running.into_iter().map(|worker| {
            worker.join().unwrap_or_else(|_| vec!["a worker of this program panicked".to_owned()])
        });
        ended.flatten().collect::<Vec<_>>()
    });
    if failures.is_empty() { Ok(()) } else { bail!("{}", failures.join("\n\n")) }
}

fn build(repository: &Repository) -> Result<()> {
    if !process::succeeds(Command::new(compiler()).arg("--version")) {
        bail!("libFuzzer is built by a C++ compiler: `apt-get install g++`, or set CXX to one");
    }
    if !repository.target("fuzz").exists() {
        println!("fuzz: first build, takes about a minute");
    }
    process::run(&mut flags::cargo(repository, "build")?)
}

fn compiler() -> String {
    std::env::var("CXX").ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "c++".to_owned())
}

/// Formatting and clippy for the targets, which are no member of the workspace.
pub(crate) fn lint(repository: &Repository) -> Result<()> {
    let manifest = flags::manifest(repository);
    process::run(repository.cargo().args(["fmt", "--check", "--manifest-path"]).arg(&manifest))
        .context("the formatting differs: run `cargo fmt --manifest-path tests/fuzz/Cargo.toml`")?;
    process::run(flags::cargo(repository, "clippy")?.args(["--", "--deny", "warnings"]))
}
