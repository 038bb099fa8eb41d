//! The command line: tables of options, exit codes and variables, and the commands that people are
//! given to type.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use serin_tests::readme::{self, blocks};

use super::{first_column, succeeds, tables};

#[test]
fn every_table_of_options_is_whole() -> Result<()> {
    let text = readme::text()?;
    let mut checked = 0;
    for (command, table) in tables(&text, "options") {
        let help = help(command)?;
        // Some have a short form before.
        let expected: BTreeSet<&str> = help
            .lines()
            .filter(|line| line.trim_start().starts_with('-'))
            .filter_map(|line| line.split_whitespace().take(2).find(|it| it.starts_with("--")))
            .filter(|option| *option != "--help")
            .collect();
        let named = first_column(table);
        ensure!(
            named.iter().map(String::as_str).eq(expected.iter().copied()),
            "{command}: {named:?}, not {expected:?}"
        );
        checked += 1;
    }
    ensure!(checked == 20, "{checked} tables");
    Ok(())
}

#[test]
fn every_default_of_an_option_is_the_one_that_help_names() -> Result<()> {
    let text = readme::text()?;
    for (command, table) in tables(&text, "options") {
        let help = help(command)?;
        for (option, told) in help.split("\n      --").skip(1).filter_map(default_of) {
            let row = table.lines().find(|row| row.starts_with(&format!("| `--{option}`")));
            let cell = row.and_then(|row| row.trim_end_matches([' ', '|']).rsplit('|').next());
            let cell =
                cell.with_context(|| format!("{command} --{option} has no row"))?.replace('`', "");
            ensure!(cell.trim().ends_with(told), "{command} --{option}: {cell:?}, not {told:?}");
        }
    }
    Ok(())
}

#[test]
fn every_exit_code_is_told_as_help_tells_it() -> Result<()> {
    let (text, help) = (readme::text()?, succeeds(&["--help"])?);
    let (_, codes) = help.split_once("Exit codes:\n").context("help has no exit codes")?;
    let codes = codes.lines().filter_map(|line| line.trim().split_once("  "));
    let rows: Vec<String> = codes.map(|(code, what)| format!("| {code} | {what} |\n")).collect();
    ensure!(rows.len() == 9, "{rows:?}");
    ensure!(text.contains(&rows.concat()), "not told: {rows:#?}");
    Ok(())
}

#[test]
fn every_variable_that_stands_for_an_option_is_told() -> Result<()> {
    let (text, mut told) = (readme::text()?, BTreeSet::new());
    for (command, _) in tables(&text, "options") {
        for named in help(command)?.split("[env: ").skip(1) {
            let name = named.split(['=', ']']).next().unwrap_or_default();
            ensure!(text.contains(&format!("`{name}`")), "{command}: {name} is not told");
            told.insert(name.to_owned());
        }
    }
    ensure!(told.contains("SERIN_SERVER") && told.len() >= 4, "{told:?}");
    Ok(())
}

/// Those that are given to a shell: each command is there, and each of its options.
#[test]
fn every_command_of_serin_is_one() -> Result<()> {
    let (text, mut checked) = (readme::text()?, 0);
    for line in blocks(&text, "sh").flat_map(|block| lines(&block)) {
        for part in line.split(" | ") {
            let words: Vec<&str> = part.split(" #").next().unwrap_or_default().split(' ').collect();
            let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
            let (of_objects, given) = match words.as_slice() {
                ["serin", given @ ..] => (false, given),
                ["kubectl", "serin", given @ ..] => (true, given),
                _ => continue,
            };
            let named = if given.first() == Some(&"token") { 2 } else { 1 };
            let mut command: Vec<&str> = given.iter().take(named).copied().collect();
            if of_objects {
                command.insert(0, "kube");
            }
            let help = help(&command.join(" ")).context(line.clone())?;
            for option in given.iter().filter(|word| word.starts_with('-') && word.len() > 1) {
                let known = help.split([' ', ',', '\n']).any(|word| word == *option);
                ensure!(known, "{line}: there is no {option}");
            }
            checked += 1;
        }
    }
    ensure!(checked >= 25, "{checked} commands");
    Ok(())
}

/// An option's name and default from its part of the help.
fn default_of(part: &str) -> Option<(&str, &str)> {
    let name = part.split_whitespace().next()?;
    let default = part.split_once("[default: ")?.1.split_once(']')?.0;
    // Longer ones are sentences, which README words in its own way.
    (!default.contains(' ')).then_some((name, default))
}

/// The lines of a block; one that ends in `\` goes on in the next.
fn lines(block: &str) -> Vec<String> {
    block.replace("\\\n", " ").lines().map(str::to_owned).collect()
}

/// The help of a command, such as `token create`.
fn help(command: &str) -> Result<String> {
    let words: Vec<&str> = command.split(' ').chain(["--help"]).collect();
    succeeds(&words)
}
