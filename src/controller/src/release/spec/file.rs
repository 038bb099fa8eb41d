//! What a release says of a proxy that is configured by a file.

use schemars::JsonSchema;
use serde::Deserialize;

/// A proxy's file that is rendered with the weights; only for `serin run`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::release) struct WeightsFile {
    /// The template.
    pub(in crate::release) template: String,
    /// The file that is written, always as a whole.
    pub(in crate::release) path: String,
    /// The command that has the proxy take the file, with its arguments; none where the proxy
    /// watches it.
    #[serde(default)]
    pub(in crate::release) reload: Vec<String>,
    /// How long the command may take; `10s` where it is absent.
    pub(in crate::release) timeout: Option<String>,
}
