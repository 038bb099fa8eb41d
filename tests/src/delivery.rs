//! The filter's own configuration as a mesh delivers it: in a file that Envoy watches, so that it
//! changes while requests go on.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::artifacts;
use crate::scratch::Scratch;

/// What Envoy does with requests once the module has crashed; Istio's `failStrategy` has the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailurePolicy {
    /// They get 503, until there is a new configuration. What holds where nothing is said.
    Closed,
    /// They pass without the filter, until there is a new configuration.
    Open,
    /// They get 503 until the module is loaded anew, after a second.
    Reload,
}

impl FailurePolicy {
    /// Envoy's name for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "FAIL_CLOSED",
            Self::Open => "FAIL_OPEN",
            Self::Reload => "FAIL_RELOAD",
        }
    }
}

/// The file, and what stands in it beside the document.
#[derive(Clone, Debug)]
pub struct Delivery {
    folder: PathBuf,
    module: PathBuf,
    policy: FailurePolicy,
}

impl Delivery {
    /// Of the module as it was built.
    ///
    /// # Errors
    /// Where it was not.
    pub fn new(scratch: &Scratch) -> Result<Self> {
        let (folder, module) = (scratch.path().to_path_buf(), artifacts::module()?);
        Ok(Self { folder, module, policy: FailurePolicy::Closed })
    }

    /// Of another module, for which a crash means this.
    #[must_use]
    pub fn with(self, module: &Path, policy: FailurePolicy) -> Self {
        Self { module: module.to_path_buf(), policy, ..self }
    }

    /// The file, for [`Configuration::delivered`](crate::configuration::Configuration::delivered).
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.join("filter.json")
    }

    /// Writes the filter with this configuration of its own, in one move, as Envoy wants it.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn write(&self, plugin: &Value) -> Result<()> {
        self.write_text(&plugin.to_string())
    }

    /// The same with a configuration that may be no JSON.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn write_text(&self, plugin: &str) -> Result<()> {
        let filter = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": "serin",
                "failure_policy": self.policy.as_str(),
                "vm_config": {
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": {"local": {"filename": self.module}},
                },
                "configuration": {
                    "@type": "type.googleapis.com/google.protobuf.StringValue",
                    "value": plugin,
                },
            },
        });
        let resource = json!({"resources": [{
            "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
            "name": "serin",
            "typed_config": filter,
        }]});
        let part = self.folder.join("filter.part");
        std::fs::write(&part, resource.to_string())?;
        std::fs::rename(part, self.file()).context("delivering the filter's configuration")
    }
}
