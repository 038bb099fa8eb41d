//! What a release says of copies of requests.

use schemars::JsonSchema;
use serde::Deserialize;

/// Copies of requests that the canary gets before anybody is on it, and whose answers nobody gets.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::release) struct Mirror {
    /// The share of requests that is copied, such as `10%`.
    pub(in crate::release) share: String,
    /// Time under observation, such as `5m`.
    #[serde(rename = "for")]
    pub(in crate::release) time: String,
    /// The names of the gates that judge it, of kind `threshold`: they ask what the canary's own side
    /// measures.
    #[serde(default)]
    pub(in crate::release) gates: Vec<String>,
}
