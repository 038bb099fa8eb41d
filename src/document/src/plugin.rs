//! The plugin's own configuration: a document inline, or where to get one; either, never both.
//!
//! ```json
//! {"formatVersion": "1.0", "source": {"cluster": "serin"}, "count": false}
//! {"formatVersion": "1.0", "rollouts": [], "incoming": "keep"}
//! ```

mod outcome;
mod source;

pub use outcome::Outcome;
pub use source::{Authority, ClusterName, SourceConfig, SourcePath, WhenStale};

use crate::parse::{Revisions, document, open};
use crate::reading::{Key, Reading};
use crate::{Overrides, Parsed, Refused, TesterKeys, json};

const FIELDS: &str = "formatVersion, incoming, count, mark, filterState, testerKeys, and either source or revision and rollouts";

/// Why bytes are no plugin configuration. [`Refused::is_json`] says what to do with them.
pub type ConfigRefused = Refused;

/// A plugin's configuration.
#[derive(Clone, Debug, PartialEq)]
pub enum PluginConfig {
    /// The document itself. Revisions may be absent and are 0 then.
    Inline {
        /// The document.
        parsed: Parsed,
        /// What it says in place of every rollout.
        overrides: Overrides,
        /// The keys of testers' tokens; none where they stand in the VM's environment, if anywhere.
        keys: Option<TesterKeys>,
    },
    /// Where to get the document.
    Source {
        /// Where.
        source: SourceConfig,
        /// What holds in place of what the document says.
        overrides: Overrides,
        /// The keys of testers' tokens, which no source is asked for.
        keys: Option<TesterKeys>,
    },
}

/// Reads a plugin's configuration.
///
/// # Errors
/// [`ConfigRefused`] where it is no JSON or no configuration; rollouts that break a rule are left
/// out instead.
pub fn parse(json: &[u8]) -> Result<PluginConfig, ConfigRefused> {
    let json = json::read(json)?;
    let (version, mut reading) = open(&json)?;
    let overrides = overrides(&mut reading);
    let keys = reading.given("testerKeys", TesterKeys::within);
    let source = reading.optional("source", source::read);
    let config = match (source, reading.has("rollouts")) {
        (Some(source), false) => Some(PluginConfig::Source { source, overrides, keys }),
        (None, true) => document(version, &mut reading, Revisions::Optional)
            .map(|parsed| PluginConfig::Inline { parsed, overrides, keys }),
        (Some(_), true) => {
            let rule = "the document comes from a source or stands inline as rollouts, never both";
            reading.wrong_at(&[Key::Field("source")], &"beside rollouts", &rule);
            None
        }
        (None, false) => {
            let rule = "either a source such as {\"cluster\": \"serin\"} or inline rollouts";
            reading.lacks("source", &rule);
            None
        }
    };
    reading.close(&FIELDS);
    Ok(reading.end(config)?)
}

fn overrides(reading: &mut Reading<'_>) -> Overrides {
    Overrides {
        incoming: reading.optional_word("incoming"),
        count: reading.optional_flag("count"),
        mark: reading.optional_text("mark"),
        filter_state: reading.optional_flag("filterState").unwrap_or_default(),
    }
}
