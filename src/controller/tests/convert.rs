//! Every document of others in `convert/` becomes the release beside it, with the notes beside it.
//!
//! `UPDATE=1 cargo test -p serin-controller --test convert` writes them anew, to be read before they
//! are committed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result};

fn documents(of: &str) -> Result<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/convert").join(of);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        files.push(entry?.path());
    }
    files.retain(|file| file.extension().is_some_and(|it| it == "yaml"));
    files.sort();
    Ok(files)
}

fn serin(command: &str, args: &[&Path]) -> Result<Output> {
    Ok(Command::new(env!("CARGO_BIN_EXE_serin")).arg(command).args(args).output()?)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn every_document_of(kind: &str) -> Result<()> {
    let documents = documents(kind)?;
    assert!(documents.len() >= 12, "{documents:?}");
    for document in documents {
        let output = serin("convert", &[&document])?;
        let (release, notes) = (text(&output.stdout), text(&output.stderr));
        let left_out = notes.lines().any(|line| line.starts_with("left out: "));
        let code = output.status.code();
        assert_eq!(code, Some(if left_out { 3 } else { 0 }), "{}: {notes}", document.display());
        let whole = format!("{release}--- on standard error\n{notes}");
        let expected = document.with_extension("expected");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&expected, &whole)?;
        }
        assert_eq!(whole, fs::read_to_string(&expected)?, "{}", document.display());
        // What came out is what `serin check` takes.
        let scratch = tempfile::tempdir()?;
        let file = scratch.path().join("release.yaml");
        fs::write(&file, &release)?;
        let checked = serin("check", &[&file])?;
        assert!(checked.status.success(), "{}: {}", document.display(), text(&checked.stderr));
    }
    Ok(())
}

#[test]
fn every_canary_of_flagger_becomes_a_release() -> Result<()> {
    every_document_of("flagger")
}

#[test]
fn every_rollout_of_argo_becomes_a_release() -> Result<()> {
    every_document_of("argo")
}

#[test]
fn what_is_neither_is_refused_and_nothing_is_printed() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let cases = [
        (
            "deployment.yaml",
            Some("{apiVersion: apps/v1, kind: Deployment}"),
            "no `Canary` of flagger.app and no `Rollout`",
        ),
        (
            "daemons.yaml",
            Some(
                "{apiVersion: flagger.app/v1beta1, kind: Canary, metadata: {name: a}, \
                 spec: {targetRef: {kind: DaemonSet, name: a}}}",
            ),
            "Canary a: spec.targetRef: only a Deployment has a counterpart",
        ),
        ("broken.yaml", Some("a: ["), "broken.yaml"),
        (
            "named.yaml",
            Some(
                "{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {name: A B}, spec: {}}",
            ),
            "Rollout A B: what it would become is refused",
        ),
        ("nowhere.yaml", None, "nowhere.yaml"),
    ];
    for (name, content, said) in cases {
        let file = scratch.path().join(name);
        if let Some(content) = content {
            fs::write(&file, content)?;
        }
        let output = serin("convert", &[&file])?;
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name}: {errors}");
        assert_eq!(text(&output.stdout), "", "{name}");
        assert!(errors.contains(said), "{name}: {errors}");
    }
    Ok(())
}

#[test]
fn programs_get_the_notes_with_the_release() -> Result<()> {
    let document = documents("flagger")?.into_iter().next().context("no document")?;
    let options = ["--output=json", "--prometheus=http://p:9090"].map(Path::new);
    let output = serin("convert", &[options[0], options[1], &document])?;
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let converted = &printed["converted"][0];
    assert_eq!(converted["release"]["metadata"]["name"], "cart");
    let address = &converted["release"]["spec"]["metrics"]["prometheus"]["address"];
    assert_eq!(address, "http://p:9090");
    let notes = converted["notes"].as_array().context("no notes")?;
    assert!(notes.iter().any(|note| note["leftOut"] == true));
    assert_eq!(text(&output.stderr), "");
    Ok(())
}
