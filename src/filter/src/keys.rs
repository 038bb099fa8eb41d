//! The keys of testers' tokens: the plugin's own, else those in the VM's environment.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serin_document::token::KEYS_VARIABLE;
use serin_document::{Compiled, Fault, Joined, TesterKeys};

use crate::host::Host;
use crate::verdict::Verdict;

/// The keys that hold for a plugin with these of its own.
///
/// # Errors
/// What is wrong with those in the environment, without showing one. A configuration is not judged
/// by it, since its verdict depends on its own bytes alone.
pub fn keys(host: &dyn Host, own: Option<TesterKeys>) -> Result<TesterKeys, Fault> {
    match (own, host.variable(KEYS_VARIABLE)) {
        (Some(own), _) => Ok(own),
        (None, Some(text)) => TesterKeys::read(&text, KEYS_VARIABLE),
        (None, None) => Ok(TesterKeys::default()),
    }
}

/// The most rollouts that are named in one line; the others are counted.
const MAX_NAMES: usize = 20;

/// What has been said about rollouts whose testers need a token that no key can verify.
#[derive(Debug, Default)]
pub struct Lack {
    /// Whether the document was looked at; another one is yet to be.
    looked: bool,
    said: Option<String>,
}

impl Lack {
    /// Has the next report look at the document, which is another one.
    pub const fn changed(&mut self) {
        self.looked = false;
    }

    /// Says which rollouts of the document lack keys, once per proxy and again when it has changed.
    pub fn report(&mut self, host: &dyn Host, plugin: &str, document: &Compiled) {
        if core::mem::replace(&mut self.looked, true) {
            return;
        }
        let mut names = Joined::by(", ");
        let mut lacking = document.rollouts().iter().filter(|rollout| rollout.lacks_keys());
        for rollout in lacking.by_ref().take(MAX_NAMES) {
            names.add(rollout.name().as_str());
        }
        let others = lacking.count();
        if others > 0 {
            names.add(&format!("{others} others"));
        }
        let names = names.into_text();
        if self.said.as_ref() == Some(&names) {
            return;
        }
        let mut lines = Vec::new();
        if !names.is_empty() {
            lines.push(format!(
                "plugin \"{plugin}\": no key for testers' tokens, so nobody can opt in with one to {names}: \
                 set testerKeys in the plugin's configuration or {KEYS_VARIABLE} in the VM's environment"
            ));
        }
        Verdict { refused: false, lines }.report(host, &format!("keys.{plugin}"));
        self.said = Some(names);
    }
}
