//! The verdict on a plugin's configuration, reported once per proxy.
//!
//! Every VM judges every configuration and comes to the same verdict. A proxy with 64 workers
//! would log it 66 times and count it as often, so the first VM to report it leaves a note for the
//! others.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serin_document::Joined;

use crate::host::{Host, Level};

/// What was found in a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// It is no document, and what was in force goes on.
    pub refused: bool,
    /// A line for each fault; none where all is well.
    pub lines: Vec<String>,
}

impl Verdict {
    /// Logs the verdict unless another VM has; whether this VM was the one to report it.
    pub fn report(&self, host: &dyn Host, plugin: &str) -> bool {
        let key = format!("serin.1.verdict.{plugin}");
        let mut note = Joined::by("\n");
        note.extend(&self.lines);
        let note = note.into_text().into_bytes();
        let shared = host.shared(&key);
        if shared.value == note || host.share(&key, &note, Some(shared.version)).is_err() {
            return false;
        }
        for line in &self.lines {
            host.log(Level::Warn, line);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Proxy;

    #[test]
    fn one_of_all_vms_reports_each_verdict() {
        let proxy = Proxy::new();
        let (one, two) = (proxy.vm(), proxy.vm());
        let bad = Verdict { refused: true, lines: vec!["bad".to_owned()] };
        let good = Verdict::default();
        assert!(!good.report(&one, "p"));
        assert!(bad.report(&one, "p"));
        assert!(!bad.report(&two, "p"));
        assert!(bad.report(&two, "another plugin"));
        assert!(good.report(&two, "p"));
        assert!(bad.report(&two, "p"));
        assert_eq!(proxy.log(), ["bad", "bad", "bad"]);
    }
}
