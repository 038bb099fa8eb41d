//! The file of a proxy that is configured by one.

use std::time::Duration;

use super::*;
use crate::release::file::Reload;

/// Beside a template `weights.j2`.
fn load(file: &str) -> Result<Release, String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("weights.j2"), "canary {{ canary_percent }}\n").unwrap();
    std::fs::write(folder.path().join("blind.j2"), "canary 5%\n").unwrap();
    std::fs::write(folder.path().join("broken.j2"), "\ncanary {{ canry }}\n").unwrap();
    let text = SHOP.replace("  traffic:\n", &format!("  traffic:\n    file: {file}\n"));
    assert_ne!(text, SHOP);
    let path = folder.path().join("shop.yaml");
    std::fs::write(&path, text).unwrap();
    Release::load(&path).map_err(|error| error.to_string())
}

#[test]
fn a_file_is_read_with_its_template_and_its_command() {
    let release =
        load("{template: weights.j2, path: /etc/p.conf, reload: [p, -s, reload]}").unwrap();
    let file = release.traffic.file.unwrap();
    assert_eq!(file.path, Path::new("/etc/p.conf"));
    let expected = Reload {
        program: "p".to_owned(),
        arguments: vec!["-s".to_owned(), "reload".to_owned()],
        timeout: Duration::from_secs(10),
    };
    assert_eq!(file.reload, Some(expected));
    let watched = load("{template: weights.j2, path: /etc/p.conf}").unwrap();
    assert_eq!(watched.traffic.file.unwrap().reload, None);
}

#[test]
fn a_file_that_breaks_a_rule_is_named() {
    for (file, expected) in [
        ("{template: no.j2, path: a}", "file.template: \"no.j2\": No such file"),
        ("{template: blind.j2, path: a}", "file.template: \"blind.j2\": it says the same"),
        ("{template: broken.j2, path: a}", "file.template: \"broken.j2\": broken.j2: line 2: "),
        ("{template: weights.j2, path: ''}", "file.path: missing: the file to write"),
        ("{template: weights.j2, path: a, reload: ['']}", "file.reload[0]: missing: a program"),
        ("{template: weights.j2, path: a, timeout: 2m}", "file.timeout: \"2m\": from 100ms to 1m"),
    ] {
        let told = load(file).unwrap_err();
        assert!(told.contains(&format!("spec.traffic.{expected}")), "{file}: {told}");
    }
}
