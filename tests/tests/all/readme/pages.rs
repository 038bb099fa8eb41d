//! How README and the page of what was measured are made: their links, their order, their length.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result, ensure};
use serin_tests::{artifacts, readme};

/// Where the figures are that README only names.
const MEASURED: &str = "docs/measured.md";

/// A file, and a chapter of it where one is named.
#[test]
fn every_link_within_the_repository_leads_somewhere() -> Result<()> {
    let root = artifacts::root()?;
    for (page, fewest) in [("README.md", 60), (MEASURED, 10)] {
        let (text, folder) = (fs::read_to_string(root.join(page))?, root.join(page));
        let folder = folder.parent().context("no folder")?;
        let mut links = 0;
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.contains("://") {
                continue;
            }
            let (path, chapter) = target.split_once('#').unwrap_or((target, ""));
            let file = if path.is_empty() { root.join(page) } else { folder.join(path) };
            ensure!(file.exists(), "{page}: {target} leads nowhere");
            if !chapter.is_empty() {
                let chapters = chapters(&fs::read_to_string(&file)?);
                ensure!(chapters.contains(chapter), "{page}: {target} is no chapter");
            }
            links += 1;
        }
        ensure!(links >= fewest, "{page}: {links} links only");
    }
    Ok(())
}

/// The three questions of a reader in trouble are a click away, and come first.
#[test]
fn the_three_questions_come_before_all_else() -> Result<()> {
    let text = readme::text()?;
    let at = |chapter: &str| text.find(&format!("\n## {chapter}\n")).context(chapter.to_owned());
    let questions = [
        at("Who gets the canary?")?,
        at("Why did it roll back?")?,
        at("What happens if X is down?")?,
    ];
    ensure!(at("Contents")? < questions[0] && questions.is_sorted(), "{questions:?}");
    ensure!(questions[2] < at("Does it work?")? && questions[2] < at("Reference")?);
    Ok(())
}

/// What somebody meets who knows nothing yet: a paragraph that is too long is not read.
#[test]
fn no_paragraph_is_too_long() -> Result<()> {
    const WORDS: usize = 120;
    let root = artifacts::root()?;
    for page in ["README.md", MEASURED] {
        let text = fs::read_to_string(root.join(page))?;
        let long = text.lines().filter(|line| !line.starts_with('|'));
        let long = long.filter(|line| line.split_whitespace().count() > WORDS);
        let long: Vec<String> = long.map(|line| line.chars().take(60).collect()).collect();
        ensure!(long.is_empty(), "{page}: {long:#?}");
    }
    Ok(())
}

/// What the chapters of a page are called in links.
fn chapters(page: &str) -> BTreeSet<String> {
    let mut inside = false;
    let mut chapters = BTreeSet::new();
    for line in page.lines() {
        inside ^= line.trim_start().starts_with("```");
        if let (false, Some(title)) = (inside, line.trim_start_matches('#').strip_prefix(' '))
            && line.starts_with('#')
        {
            let title = title.to_lowercase().replace(' ', "-");
            let is_kept = |c: &char| c.is_alphanumeric() || ['-', '_'].contains(c);
            chapters.insert(title.chars().filter(is_kept).collect());
        }
    }
    chapters
}
