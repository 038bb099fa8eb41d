//! One fuzz target: its corpus, its run, and what came of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{corpus, flags};
use crate::cache;
use crate::process;
use crate::repository::Repository;

/// How much of a failed run is shown.
const TAIL_LINES: usize = 40;

/// With what a run begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Corpus {
    /// The corpus in the repository.
    Fixed,
    /// That, and what former runs have found, in the user's cache.
    Grown,
}

/// A target by name.
pub(super) struct Target(String);

impl Target {
    /// All targets.
    pub(super) fn all(repository: &Repository) -> Result<Vec<Self>> {
        let mut targets = Vec::new();
        for entry in fs::read_dir(repository.root().join("tests/fuzz/targets"))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                targets.extend(path.file_stem().map(|name| Self(name.to_string_lossy().into())));
            }
        }
        targets.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(targets)
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.0 == name
    }

    /// Runs it; a line that says what was done.
    ///
    /// Every failure is one: a panic, an input that takes ten seconds or two gigabytes.
    pub(super) fn run(
        &self,
        repository: &Repository,
        corpus: Corpus,
        time: Duration,
    ) -> Result<String> {
        let seeds = self.unpack(repository)?;
        let found = repository.target("fuzz").join("found");
        fs::create_dir_all(&found)?;
        let mut fuzz = self.command(repository)?;
        fuzz.arg(format!("-max_total_time={}", time.as_secs()));
        fuzz.args(["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"]);
        fuzz.arg(format!("-artifact_prefix={}/{}-", found.display(), self.0));
        let kept = match corpus {
            Corpus::Fixed => {
                fuzz.arg("-seed=1");
                seeds.clone()
            }
            Corpus::Grown => self.grown()?,
        };
        // New inputs go to the first folder.
        fuzz.arg(&kept).arg(&seeds);
        let output = fuzz.output().context("unable to start the fuzz target")?;
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            let lines: Vec<&str> = said.lines().collect();
            let tail = lines.get(lines.len().saturating_sub(TAIL_LINES)..).unwrap_or_default();
            bail!(
                "{}: an input fails; to run it again: {} FILE\n{}",
                self.0,
                self.binary(repository)?.display(),
                tail.join("\n")
            );
        }
        let runs =
            said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
        let runs = runs.context("libFuzzer has not said how many inputs it tried")?.trim();
        let inputs = fs::read_dir(&kept)?.count();
        Ok(format!("{}: {runs} inputs in {} s, {inputs} kept", self.0, time.as_secs()))
    }

    /// Makes the corpus in the repository anew.
    pub(super) fn minimise(&self, repository: &Repository) -> Result<()> {
        let seeds = self.unpack(repository)?;
        let few = repository.target("fuzz").join("minimised").join(&self.0);
        empty(&few)?;
        let mut merge = self.command(repository)?;
        // A small set that covers all branches, not one input for each way through them.
        merge.arg("-set_cover_merge=1").arg(&few).arg(&seeds).arg(self.grown()?);
        process::output(&mut merge)?;
        let mut inputs = Vec::new();
        for entry in fs::read_dir(&few)? {
            inputs.push(fs::read(entry?.path())?);
        }
        let kept = corpus::write(&self.file(repository), inputs)?;
        println!("fuzz: {}: {kept} inputs", self.0);
        Ok(())
    }

    fn file(&self, repository: &Repository) -> PathBuf {
        repository.root().join("tests/fuzz/corpus").join(format!("{}.txt", self.0))
    }

    fn binary(&self, repository: &Repository) -> Result<PathBuf> {
        Ok(flags::folder(repository)?.join(&self.0))
    }

    fn command(&self, repository: &Repository) -> Result<Command> {
        let mut command = Command::new(self.binary(repository)?);
        command.current_dir(repository.target("fuzz"));
        Ok(command)
    }

    /// The folder in the cache.
    fn grown(&self) -> Result<PathBuf> {
        let folder = cache::folder()?.join("fuzz").join(&self.0);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// The corpus in the repository as libFuzzer wants it, a file an input.
    fn unpack(&self, repository: &Repository) -> Result<PathBuf> {
        let folder = repository.target("fuzz").join("corpus").join(&self.0);
        empty(&folder)?;
        for (number, input) in corpus::read(&self.file(repository))?.iter().enumerate() {
            fs::write(folder.join(format!("{number:04}")), input)?;
        }
        Ok(folder)
    }
}

fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder).with_context(|| format!("unable to create \"{}\"", folder.display()))
}
