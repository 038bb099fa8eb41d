//! README's examples, which are run.

use std::fs;

use anyhow::{Context as _, Result};

use crate::artifacts;

/// Its whole text.
///
/// # Errors
/// Where it cannot be read.
pub fn text() -> Result<String> {
    let file = artifacts::root()?.join("README.md");
    fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))
}

/// The fenced blocks of a language, without the indentation that a list gives them.
pub fn blocks(text: &str, language: &str) -> impl Iterator<Item = String> + use<> {
    let fence = format!("```{language}");
    let mut lines = text.lines();
    std::iter::from_fn(move || {
        let opening = lines.find(|line| line.trim() == fence)?;
        let indentation = opening.len() - opening.trim_start().len();
        let inside = lines.by_ref().take_while(|line| line.trim() != "```");
        let block =
            inside.map(|line| line.get(indentation..).unwrap_or_default().to_owned() + "\n");
        Some(block.collect())
    })
    .collect::<Vec<String>>()
    .into_iter()
}
