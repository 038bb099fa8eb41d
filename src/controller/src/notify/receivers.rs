//! Who is told what.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Notice, file};
use crate::release::Release;
use crate::webhook::{Mailbox, Target};

/// All who are told.
#[derive(Clone, Debug, Default)]
pub struct Receivers(Vec<Arc<Receiver>>);

impl Receivers {
    /// Reads a file of receivers; secrets that it names are read at each use.
    ///
    /// # Errors
    /// [`InvalidReceivers`], with all that is wrong.
    pub fn load(path: &Path) -> Result<Self, InvalidReceivers> {
        let refused = |why| InvalidReceivers { file: path.to_owned(), why };
        let text = std::fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let read = file::read(&text, folder).map_err(refused)?;
        Ok(Self(read.into_iter().map(Arc::new).collect()))
    }

    /// Those who are told of this release.
    pub(super) fn of<'a>(
        &'a self,
        release: &'a Release,
    ) -> impl Iterator<Item = &'a Arc<Receiver>> {
        self.0.iter().filter(|receiver| receiver.covers(&release.namespace, &release.name))
    }

    /// Their names.
    pub(crate) fn names<'a>(&'a self, release: &'a Release) -> Vec<&'a str> {
        self.of(release).map(|receiver| receiver.name.as_str()).collect()
    }

    pub(crate) fn all(&self) -> &[Arc<Receiver>] {
        &self.0
    }
}

/// Why a file of receivers cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}", file.display())]
pub struct InvalidReceivers {
    file: PathBuf,
    why: String,
}

/// One who is told.
#[derive(Debug)]
pub(crate) struct Receiver {
    /// Names it in records, in figures and in the log; unique.
    pub(crate) name: String,
    pub(super) format: Format,
    pub(super) target: Target,
    /// Of which releases; all where there is none.
    pub(super) releases: Vec<Pattern>,
    pub(super) about: About,
    /// Shared by all releases, as it holds the authorities.
    pub(super) mailbox: Mailbox,
}

impl Receiver {
    fn covers(&self, namespace: &str, name: &str) -> bool {
        self.releases.is_empty()
            || self.releases.iter().any(|pattern| pattern.covers(namespace, name))
    }

    /// Whether it is to be told of such a decision.
    pub(super) const fn wants(&self, notice: &Notice) -> bool {
        match self.about {
            About::All => true,
            About::Milestones => notice.is_milestone(),
            About::Trouble => notice.trouble,
        }
    }
}

/// What a receiver takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Slack,
    Teams,
    Webhook,
}

/// Of which decisions a receiver is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// Every one that is logged.
    All,
    /// What begins or ends a rollout or a step, and what calls for a person.
    Milestones,
    /// What calls for a person.
    Trouble,
}

/// Releases by namespace and name; `None` is any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    pub(super) namespace: Option<String>,
    pub(super) name: Option<String>,
}

impl Pattern {
    fn covers(&self, namespace: &str, name: &str) -> bool {
        let fits = |wanted: &Option<String>, given: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == given)
        };
        fits(&self.namespace, namespace) && fits(&self.name, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::notice::example;
    use crate::webhook::Address;

    fn receiver(releases: &[(Option<&str>, Option<&str>)], about: About) -> Receiver {
        let own = |text: Option<&str>| text.map(str::to_owned);
        let pattern = |(namespace, name): &(Option<&str>, Option<&str>)| Pattern {
            namespace: own(*namespace),
            name: own(*name),
        };
        Receiver {
            name: "team".to_owned(),
            format: Format::Slack,
            target: Target {
                address: Address::Plain(hyper::Uri::from_static("https://example.com/")),
                signing_key_file: None,
                ca_file: None,
            },
            releases: releases.iter().map(pattern).collect(),
            about,
            mailbox: Mailbox::default(),
        }
    }

    #[test]
    fn a_receiver_is_told_of_the_releases_that_it_names() {
        let all = receiver(&[], About::All);
        assert!(all.covers("shop", "checkout"));
        let some = receiver(&[(Some("shop"), None), (None, Some("cart"))], About::All);
        assert!(some.covers("shop", "checkout") && some.covers("other", "cart"));
        assert!(!some.covers("other", "checkout"));
    }

    #[test]
    fn a_receiver_is_told_of_the_decisions_that_it_asks_for() {
        use serin_rollout::Reason;
        let notice = |reason, trouble| Notice { reason, trouble, ..example() };
        let wants = |about, notice: &Notice| receiver(&[], about).wants(notice);
        for (notice, milestone, trouble) in [
            (notice(Reason::Harm, true), true, true),
            (notice(Reason::Advanced, false), true, false),
            (notice(Reason::Baking, false), false, false),
        ] {
            assert!(wants(About::All, &notice));
            assert_eq!(wants(About::Milestones, &notice), milestone, "{:?}", notice.reason);
            assert_eq!(wants(About::Trouble, &notice), trouble, "{:?}", notice.reason);
        }
    }
}
