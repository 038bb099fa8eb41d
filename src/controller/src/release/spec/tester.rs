//! Where testers choose their side.

use schemars::JsonSchema;
use serde::Deserialize;

/// Exactly one of the first three.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::release) struct Tester {
    /// A header.
    pub(in crate::release) header: Option<String>,
    /// A cookie.
    pub(in crate::release) cookie: Option<String>,
    /// A query parameter.
    pub(in crate::release) query: Option<String>,
    /// Only a signed token counts there; the plain word does where it is absent.
    pub(in crate::release) signed: Option<Signed>,
    /// The cookie that keeps the choice for the browser's session; none where it is absent.
    pub(in crate::release) remember: Option<String>,
}

/// Which tokens count.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::release) struct Signed {
    /// For whom tokens are meant.
    pub(in crate::release) audience: String,
}
