//! The pages say what is so: each test that they name is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use serin_tests::artifacts;

#[test]
fn every_test_that_the_page_on_incidents_names_is_there() -> Result<()> {
    let folders =
        ["tests/tests", "tests/cluster/tests", "src/filter/src/scenarios", "src/rollout/tests"];
    let page = Page::read("envoy", &folders)?;
    let rows = page.rows();
    ensure!(rows.len() >= 40, "{rows:#?}");
    // They have their tests in the row below them.
    let without = ["| it crashes | ", "| Istio cannot fetch it | "];
    for row in rows {
        let has_none = without.iter().any(|start| row.starts_with(start));
        ensure!(names(row).is_empty() == has_none, "does a test show this? {row}");
    }
    page.names_what_is_there()
}

#[test]
fn every_fault_on_kubernetes_has_a_test_that_is_there() -> Result<()> {
    let folders = ["tests/tests", "tests/cluster/tests", "src/rollout/tests", "src/controller/src"];
    let page = Page::read("istio", &folders)?;
    let rows = page.rows();
    ensure!(rows.len() >= 20, "{rows:#?}");
    for row in rows {
        ensure!(!names(row).is_empty(), "nobody has seen this: {row}");
    }
    page.names_what_is_there()
}

/// A page, and the sources of the tests that it may name.
struct Page {
    text: String,
    sources: String,
}

impl Page {
    fn read(folder: &str, sources: &[&str]) -> Result<Self> {
        let root = artifacts::root()?;
        let text = fs::read_to_string(root.join(folder).join("what-happens-when.md"))?;
        let mut page = Self { text, sources: String::new() };
        for folder in sources {
            sources_below(&root.join(folder), &mut page.sources)?;
        }
        Ok(page)
    }

    /// The rows of its tables.
    fn rows(&self) -> Vec<&str> {
        let is_row = |line: &&str| line.starts_with("| ") && !line.starts_with("| when |");
        self.text.lines().filter(is_row).collect()
    }

    fn names(&self) -> BTreeSet<&str> {
        names(&self.text)
    }

    fn names_what_is_there(&self) -> Result<()> {
        for name in self.names() {
            ensure!(self.sources.contains(&format!("fn {name}(")), "there is no test {name}");
        }
        Ok(())
    }
}

/// The tests that a text names.
fn names(text: &str) -> BTreeSet<&str> {
    let is_name = |word: &&str| {
        word.matches('_').count() >= 3
            && word.chars().all(|it| it.is_ascii_lowercase() || it == '_' || it.is_ascii_digit())
    };
    text.split('`').filter(is_name).collect()
}

fn sources_below(folder: &Path, sources: &mut String) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            sources_below(&path, sources)?;
        } else {
            sources.push_str(&fs::read_to_string(&path)?);
        }
    }
    Ok(())
}
