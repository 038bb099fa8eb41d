//! Builds a part's programs, and says meanwhile how far it is.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::go::Go;
use super::part::Part;
use super::pins::Pins;

/// How often it says how far it is.
const EVERY: Duration = Duration::from_secs(20);
/// How much of what Go said a failure shows.
const LINES: usize = 40;
/// Where Kubernetes' programs have what they say as their version.
const VERSION: &str = "k8s.io/component-base/version";

/// All that is said to `go build` but where to and from: a part of the build's name.
pub(super) fn flags(part: &Part, pins: &Pins) -> Vec<String> {
    let version = part.version_of.and_then(|module| pins.version(module)).map(|version| {
        let mut numbers = version.trim_start_matches('v').split('.').map(Some).chain([None, None]);
        let mut next = || numbers.next().flatten().unwrap_or_default();
        let (major, minor) = (next(), next());
        [("gitVersion", version), ("gitMajor", major), ("gitMinor", minor)]
            .map(|(name, value)| format!("-X {VERSION}.{name}={value}"))
            .join(" ")
    });
    // Without tables for debuggers, which are a third of each file.
    let linker = ["-s -w".to_owned()].into_iter().chain(version).collect::<Vec<_>>().join(" ");
    let mut flags = ["-trimpath", "-buildvcs=false", "-ldflags"].map(str::to_owned).to_vec();
    flags.push(linker);
    flags.extend(part.packages.iter().map(|package| (*package).to_owned()));
    flags
}

/// Leaves the part's programs in `to`.
pub(super) fn programs(go: &Go, source: &Path, part: &Part, pins: &Pins, to: &Path) -> Result<()> {
    let names = part.programs.join(", ");
    println!("cluster: building {names} (some {} min on 2 cores, once per machine)", part.minutes);
    let start = Instant::now();
    let mut command = go.command(source);
    command.args(["build", "-v", "-o"]).arg(to.join("")).args(flags(part, pins));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("unable to start Go")?;
    let said = child.stderr.take().context("no way to read what Go says")?;
    let mut progress = Progress::new(part.folder, start);
    for line in BufReader::new(said).lines() {
        progress.take(line?);
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("Go could not build {names} ({status}):\n{}", progress.last());
    }
    for program in part.programs {
        if !to.join(program).exists() {
            bail!("Go built {names} and left no {program}");
        }
    }
    println!("cluster: built {names} in {}", shown(start.elapsed()));
    Ok(())
}

/// What Go has done so far, by the lines that it prints.
struct Progress {
    name: &'static str,
    start: Instant,
    told: Instant,
    modules: usize,
    packages: usize,
    last: VecDeque<String>,
}

impl Progress {
    fn new(name: &'static str, start: Instant) -> Self {
        Self { name, start, told: start, modules: 0, packages: 0, last: VecDeque::new() }
    }

    /// Counts a line; Go prints one for each module that it fetches and each package it compiles.
    fn take(&mut self, line: String) {
        if line.starts_with("go: downloading ") {
            self.modules += 1;
        } else {
            self.packages += 1;
        }
        self.last.push_back(line);
        if self.last.len() > LINES {
            self.last.pop_front();
        }
        if self.told.elapsed() >= EVERY {
            self.told = Instant::now();
            println!(
                "cluster: {}: {} modules fetched, {} packages compiled after {}",
                self.name,
                self.modules,
                self.packages,
                shown(self.start.elapsed())
            );
        }
    }

    fn last(&self) -> String {
        self.last.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

fn shown(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{} min {} s", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::super::part::PARTS;
    use super::*;

    #[test]
    fn the_last_lines_are_kept_for_a_failure() {
        let mut progress = Progress::new("part", Instant::now());
        for number in 0..100 {
            progress.take(format!("package {number}"));
        }
        progress.take("go: downloading a v1".to_owned());
        assert_eq!((progress.modules, progress.packages), (1, 100));
        assert!(progress.last().ends_with("package 99\ngo: downloading a v1"));
        assert_eq!(progress.last().lines().count(), LINES);
    }

    #[test]
    fn every_package_leaves_a_program() {
        for part in &PARTS {
            assert_eq!(part.packages.len(), part.programs.len(), "{}", part.folder);
        }
    }

    #[test]
    fn times_are_shown_for_people() {
        assert_eq!(shown(Duration::from_secs(252)), "4 min 12 s");
    }
}
