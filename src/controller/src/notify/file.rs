//! The file of receivers.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::receivers::{About, Format, Pattern, Receiver};
use crate::release::{Faults, FieldPath};
use crate::webhook::{Address, Mailbox, Target, uri};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    receivers: Vec<Spec>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Spec {
    name: String,
    format: String,
    url: Option<String>,
    url_file: Option<PathBuf>,
    signing_key_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    #[serde(default)]
    releases: Vec<String>,
    about: Option<String>,
}

/// Reads the receivers; relative paths start from `folder`.
///
/// # Errors
/// Every fault, one a line, with field, value and rule.
pub(super) fn read(text: &str, folder: &Path) -> Result<Vec<Receiver>, String> {
    // A line of the file may hold a secret, and an error is for the log.
    let plain = serde_saphyr::options! { with_snippet: false };
    let file: File =
        serde_saphyr::from_str_with_options(text, plain).map_err(|error| error.to_string())?;
    let mut faults = Faults::default();
    let mut names = BTreeSet::new();
    let mut read = Vec::new();
    for (index, spec) in file.receivers.into_iter().enumerate() {
        let at = FieldPath::default().field("receivers").index(index);
        if spec.name.is_empty() || !names.insert(spec.name.clone()) {
            faults.value(at.field("name"), &spec.name, "each receiver has a name of its own");
        }
        read.extend(receiver(spec, folder, &at, &mut faults));
    }
    if faults.is_empty() {
        return Ok(read);
    }
    let faults: Vec<String> = faults.into_vec().iter().map(ToString::to_string).collect();
    Err(faults.join("\n"))
}

/// Stands for a value that may be a secret.
const HIDDEN: &str = "…";

fn receiver(spec: Spec, folder: &Path, at: &FieldPath, faults: &mut Faults) -> Option<Receiver> {
    let format = faults.parse(at.field("format"), &spec.format, |text| match text {
        "slack" => Ok(Format::Slack),
        "teams" => Ok(Format::Teams),
        "webhook" => Ok(Format::Webhook),
        _ => Err("`slack`, `teams` or `webhook`".to_owned()),
    });
    let address = match (&spec.url, spec.url_file) {
        (Some(url), None) => {
            let address = uri(url).map(Address::Plain);
            if address.is_none() {
                faults.value(at.field("url"), HIDDEN, "an `https://` or `http://` address");
            }
            address
        }
        (None, Some(file)) => Some(Address::File(folder.join(file))),
        _ => {
            faults.value(at.field("url"), HIDDEN, "exactly one of `url` and `urlFile`");
            None
        }
    };
    if spec.signing_key_file.is_some() && format.is_some_and(|it| it != Format::Webhook) {
        let rule = "only receivers of format `webhook` check signatures";
        faults.value(at.field("signingKeyFile"), HIDDEN, rule);
    }
    let about = match &spec.about {
        None => Some(About::Milestones),
        Some(text) => faults.parse(at.field("about"), text, |text| match text {
            "milestones" => Ok(About::Milestones),
            "trouble" => Ok(About::Trouble),
            "all" => Ok(About::All),
            _ => Err("`trouble`, `milestones` or `all`".to_owned()),
        }),
    };
    let mut releases = Vec::new();
    for text in &spec.releases {
        releases.extend(faults.parse(at.field("releases"), text, |text| {
            pattern(text).ok_or_else(|| "NAMESPACE/NAME, where either may be `*`".to_owned())
        }));
    }
    Some(Receiver {
        name: spec.name,
        format: format?,
        target: Target {
            address: address?,
            signing_key_file: spec.signing_key_file.map(|file| folder.join(file)),
            ca_file: spec.ca_file.map(|file| folder.join(file)),
        },
        releases,
        about: about?,
        mailbox: Mailbox::default(),
    })
}

fn pattern(text: &str) -> Option<Pattern> {
    let (namespace, name) = text.split_once('/')?;
    let part = |text: &str| (text != "*").then(|| text.to_owned());
    let well = |text: &str| !text.is_empty() && (text == "*" || !text.contains(['*', '/']));
    (well(namespace) && well(name))
        .then(|| Pattern { namespace: part(namespace), name: part(name) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(fields: &str) -> Result<Receiver, String> {
        let text = format!("receivers:\n- {{name: team, {fields}}}\n");
        read(&text, Path::new("/etc/serin")).map(|mut read| read.remove(0))
    }

    #[test]
    fn a_receiver_is_read_with_its_defaults() {
        let read = read_one("format: slack, url: 'https://hooks.example.com/x'").unwrap();
        assert_eq!(read.about, About::Milestones);
        assert_eq!(read.format, Format::Slack);
        assert!(read.releases.is_empty());
    }

    #[test]
    fn files_are_found_beside_the_file() {
        let read = read_one("format: webhook, urlFile: url, signingKeyFile: /run/key").unwrap();
        assert_eq!(read.target.address, Address::File(PathBuf::from("/etc/serin/url")));
        assert_eq!(read.target.signing_key_file, Some(PathBuf::from("/run/key")));
    }

    #[test]
    fn every_fault_is_told_and_no_secret_is() {
        let why = read_one(
            "format: irc, url: 'ftp://secret', about: noise, releases: [shop, '*/a*', 'a/b']",
        )
        .unwrap_err();
        let lines: Vec<&str> = why.lines().collect();
        assert_eq!(
            lines,
            [
                "receivers[0].format: \"irc\": `slack`, `teams` or `webhook`",
                "receivers[0].url: \"…\": an `https://` or `http://` address",
                "receivers[0].about: \"noise\": `trouble`, `milestones` or `all`",
                "receivers[0].releases: \"shop\": NAMESPACE/NAME, where either may be `*`",
                "receivers[0].releases: \"*/a*\": NAMESPACE/NAME, where either may be `*`",
            ]
        );
    }

    #[test]
    fn a_fault_of_shape_shows_no_line_of_the_file() {
        let why = read_one("format: slack, url: 'https://secret', chanel: x").unwrap_err();
        assert!(why.contains("chanel") && !why.contains("secret"), "{why}");
    }

    #[test]
    fn one_address_and_one_name_each() {
        let rule = "exactly one of `url` and `urlFile`";
        assert!(read_one("format: slack").unwrap_err().contains(rule));
        let both = read_one("format: slack, url: 'https://a', urlFile: b").unwrap_err();
        assert!(both.contains(rule), "{both}");
        let one = "{name: a, format: slack, url: 'https://a'}";
        let twice = read(&format!("receivers: [{one}, {one}]"), Path::new("")).unwrap_err();
        assert_eq!(twice, "receivers[1].name: \"a\": each receiver has a name of its own");
        let signed = read_one("format: slack, url: 'https://a', signingKeyFile: k").unwrap_err();
        assert!(signed.contains("check signatures"), "{signed}");
    }
}
