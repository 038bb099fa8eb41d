//! The page says what is so: each test that it names is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use serin_tests::artifacts;

#[test]
fn every_test_that_the_page_on_incidents_names_is_there() -> Result<()> {
    let root = artifacts::root()?;
    let page = fs::read_to_string(root.join("envoy/what-happens-when.md"))?;
    let mut sources = String::new();
    for folder in ["tests/tests", "src/filter/src/scenarios"] {
        sources_below(&root.join(folder), &mut sources)?;
    }
    let is_name = |word: &&str| {
        word.matches('_').count() >= 3
            && word.chars().all(|it| it.is_ascii_lowercase() || it == '_' || it.is_ascii_digit())
    };
    let names: BTreeSet<&str> = page.split('`').filter(is_name).collect();
    for name in &names {
        ensure!(sources.contains(&format!("fn {name}(")), "there is no test {name}");
    }
    ensure!(names.len() >= 12, "{names:?}");
    Ok(())
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
