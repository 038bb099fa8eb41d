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

use crate::node::{self, Fields};
use crate::parse::{Revisions, document, open};
use crate::{Fault, Incoming, MarkName, Overrides, Parsed, Refused, TesterKeys, json};

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
    let (version, mut fields) = open(&json)?;
    let overrides = overrides(&mut fields);
    let keys = fields.optional("testerKeys", TesterKeys::from_node);
    let source = fields.optional("source", source::read);
    fields.check()?;
    let config = match source {
        Some(_) if fields.has("rollouts") => {
            return Err(Fault::new(
                "source",
                "beside rollouts",
                "the document comes from a source or stands inline as rollouts, never both",
            )
            .into());
        }
        Some(source) => PluginConfig::Source { source, overrides, keys },
        None if fields.has("rollouts") => {
            let parsed = document(version, &mut fields, Revisions::Optional)?;
            PluginConfig::Inline { parsed, overrides, keys }
        }
        None => {
            return Err(Fault::missing(
                "source",
                "either a source such as {\"cluster\": \"serin\"} or inline rollouts",
            )
            .into());
        }
    };
    fields.close(FIELDS)?;
    Ok(config)
}

fn overrides(fields: &mut Fields<'_>) -> Overrides {
    Overrides {
        incoming: fields.optional("incoming", node::text::<Incoming>),
        count: fields.optional("count", node::flag),
        mark: fields.optional("mark", node::text::<MarkName>),
        filter_state: fields.optional("filterState", node::flag).unwrap_or_default(),
    }
}
