//! Configurations for Envoy, made from the examples in `envoy/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use crate::artifacts::{self, Setup};
use crate::process::Process;
use crate::scratch::Scratch;

/// Where the examples say that the module lies.
const MODULE: &str = "/etc/envoy/serin.wasm";
/// Where the example with a tripwire says so.
const MODULE_WITH_TRIPWIRES: &str = "/etc/envoy/serin-tripwire.wasm";
/// Envoy compiles the module to check it, which takes seconds on a busy machine.
const VALIDATE_LIMIT: Duration = Duration::from_mins(1);

/// A configuration for Envoy, made from an example in `envoy/` by changing its text: what runs here
/// is the very file that a user would copy, ports and the module's path apart.
#[derive(Clone, Debug)]
pub struct Configuration {
    name: String,
    pub(crate) text: String,
    /// The Envoy that runs it; none for the one that the set-up found.
    envoy: Option<PathBuf>,
}

impl Configuration {
    /// A configuration that is no example: what is compared with one.
    #[must_use]
    pub fn new(name: &str, root: &Value) -> Self {
        // JSON is YAML as well.
        Self { name: name.to_owned(), text: format!("{root:#}"), envoy: None }
    }

    /// An example, with the path of the built module in it.
    ///
    /// # Errors
    /// Where the example or the module is missing.
    pub fn example(name: &str) -> Result<Self> {
        let file = artifacts::example(name)?;
        let text =
            fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        let (path, module) = if text.contains(MODULE_WITH_TRIPWIRES) {
            (MODULE_WITH_TRIPWIRES, artifacts::module_with_tripwires()?)
        } else {
            (MODULE, artifacts::module()?)
        };
        Self { name: name.to_owned(), text, envoy: None }.replace(path, &module.to_string_lossy())
    }

    /// With the module that has tripwires.
    ///
    /// # Errors
    /// Where it was not built.
    pub fn with_tripwires(self) -> Result<Self> {
        let (plain, tripwire) = (artifacts::module()?, artifacts::module_with_tripwires()?);
        self.replace(&plain.to_string_lossy(), &tripwire.to_string_lossy())
    }

    /// To be run by this Envoy.
    #[must_use]
    pub fn on(self, envoy: &Path) -> Self {
        Self { envoy: Some(envoy.to_owned()), ..self }
    }

    /// The Envoy that runs it.
    pub(crate) fn envoy(&self) -> Result<PathBuf> {
        self.envoy.clone().map_or_else(|| Ok(Setup::load()?.envoy), Ok)
    }

    /// Puts `to` wherever the example says `from`.
    ///
    /// # Errors
    /// Where it does not say so: the example has changed, and a test that would silently run on
    /// something else proves nothing.
    pub fn replace(mut self, from: &str, to: &str) -> Result<Self> {
        ensure!(self.text.contains(from), "envoy/{} does not hold {from:?}", self.name);
        self.text = self.text.replace(from, to);
        Ok(self)
    }

    /// Puts another port wherever the example names this one.
    ///
    /// # Errors
    /// Where it names no such port.
    pub fn port(mut self, from: u16, to: u16) -> Result<Self> {
        let mut found = false;
        // As YAML has it and, with the filter taken out, as JSON has it.
        for key in ["port_value: ", "port_value\": "] {
            let (from, to) = (format!("{key}{from}"), format!("{key}{to}"));
            let mut parts = self.text.split(&from);
            let mut text = parts.next().unwrap_or_default().to_owned();
            for part in parts {
                // `port_value: 1000` is also the start of `port_value: 10000`.
                let longer = part.starts_with(|next: char| next.is_ascii_digit());
                found |= !longer;
                text.push_str(if longer { &from } else { &to });
                text.push_str(part);
            }
            self.text = text;
        }
        ensure!(found, "envoy/{} does not hold `port_value: {from}`", self.name);
        Ok(self)
    }

    /// The ports that the file names for its one listener and its admin interface.
    pub(crate) fn ports(&self) -> Result<Ports> {
        let root = self.parsed()?;
        let ports = || -> Result<Ports> {
            Ok(Ports {
                listener: port_at(
                    &root,
                    "/static_resources/listeners/0/address/socket_address/port_value",
                )?,
                admin: port_at(&root, "/admin/address/socket_address/port_value")?,
            })
        };
        ports().with_context(|| format!("envoy/{}", self.name))
    }

    fn parsed(&self) -> Result<Value> {
        serde_saphyr::from_str(&self.text)
            .with_context(|| format!("reading envoy/{} as YAML", self.name))
    }

    /// The same configuration with the Wasm filter taken out, for comparison.
    ///
    /// # Errors
    /// Where the example holds no Wasm filter.
    pub fn without_filter(mut self) -> Result<Self> {
        let mut root = self.parsed()?;
        let mut found = 0;
        each_wasm_filter(&mut root, &mut |_| {
            found += 1;
            false
        });
        ensure!(found > 0, "envoy/{} holds no Wasm filter", self.name);
        // JSON is YAML as well.
        self.text = serde_json::to_string_pretty(&root)?;
        Ok(self)
    }

    /// The same configuration with the Wasm filter's own delivered by a file, which Envoy watches.
    ///
    /// # Errors
    /// Where the example holds no Wasm filter.
    pub fn delivered(mut self, file: &Path) -> Result<Self> {
        let mut root = self.parsed()?;
        let source = json!({"path_config_source": {"path": file}, "resource_api_version": "V3"});
        let type_urls = ["type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"];
        let discovery = json!({"config_source": source, "type_urls": type_urls});
        let mut found = 0;
        each_wasm_filter(&mut root, &mut |filter| {
            found += 1;
            if let Some(fields) = filter.as_object_mut() {
                fields.remove("typed_config");
                fields.insert("config_discovery".to_owned(), discovery.clone());
            }
            true
        });
        ensure!(found > 0, "envoy/{} holds no Wasm filter", self.name);
        self.text = serde_json::to_string_pretty(&root)?;
        Ok(self)
    }

    /// Lets Envoy itself check the configuration, with its own ports left as they are.
    ///
    /// # Errors
    /// Where Envoy refuses it; with what it said.
    pub async fn validate(&self) -> Result<()> {
        let scratch = Scratch::new()?;
        let file = scratch.write(&self.name, &self.text)?;
        let args =
            ["--mode", "validate", "--config-path", &file.to_string_lossy()].map(str::to_owned);
        let mut envoy = Process::start("validate", &self.envoy()?, args, scratch.path())?;
        let status = envoy.wait(VALIDATE_LIMIT).await?;
        if !status.success() {
            bail!("envoy refuses {}:\n{}", self.name, envoy.tail());
        }
        Ok(())
    }
}

/// Where a configuration listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ports {
    pub(crate) listener: u16,
    pub(crate) admin: u16,
}

fn port_at(root: &Value, pointer: &str) -> Result<u16> {
    let port = root.pointer(pointer).and_then(Value::as_u64);
    let port = port.with_context(|| format!("no port at {pointer}"))?;
    Ok(u16::try_from(port)?)
}

/// Calls `change` for every Wasm filter in every list of HTTP filters, and takes those out for which
/// it says no.
fn each_wasm_filter(value: &mut Value, change: &mut impl FnMut(&mut Value) -> bool) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::Array(filters)) = fields.get_mut("http_filters") {
                filters.retain_mut(|filter| {
                    let type_url = filter.pointer("/typed_config/@type").and_then(Value::as_str);
                    let is_wasm = type_url.is_some_and(|url| url.ends_with(".wasm.v3.Wasm"));
                    !is_wasm || change(filter)
                });
            }
            fields.values_mut().for_each(|value| each_wasm_filter(value, change));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| each_wasm_filter(item, change)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::Configuration;

    fn configuration(text: &str) -> Configuration {
        Configuration { name: "test.yaml".to_owned(), text: text.to_owned(), envoy: None }
    }

    #[test]
    fn changes_whole_port_numbers_only() {
        let text = "{port_value: 1000}\n{port_value: 10000}\n";
        let changed = configuration(text).port(1_000, 20_001).unwrap().text;
        assert_eq!(changed, "{port_value: 20001}\n{port_value: 10000}\n");
        assert!(configuration(text).port(9_999, 20_001).is_err());
        assert!(configuration(text).replace("no such text", "").is_err());
    }

    #[test]
    fn takes_out_the_wasm_filter_and_nothing_else() {
        let text = "
a:
  http_filters:
  - {name: serin, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm}}
  - {name: router, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
  port_value: 10000
";
        let plain = configuration(text).without_filter().unwrap();
        assert!(plain.text.contains("router") && !plain.text.contains("wasm"), "{}", plain.text);
        assert!(plain.clone().port(10_000, 20_001).unwrap().text.contains("\"port_value\": 20001"));
        assert!(plain.without_filter().is_err());
    }
}
