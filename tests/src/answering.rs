//! An Envoy that answers by itself, with one HTTP filter before its routes: `canary`, `stable` or
//! `unmarked`, as the mark says that the filter has written. So different filters can be compared
//! with nothing else around them.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::artifacts;
use crate::configuration::Configuration;

/// The header that carries the mark.
const MARK: &str = "x-serin-variant";

/// The configuration, with this filter or none.
#[must_use]
pub fn configuration(name: &str, filter: Option<Value>) -> Configuration {
    let last = json!({"name": "envoy.filters.http.router", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}});
    let filters: Vec<Value> = filter.into_iter().chain([last]).collect();
    let marked = |variant: &str| {
        let header = json!({"name": MARK, "string_match": {"exact": variant}});
        json!({"match": {"prefix": "/", "headers": [header]}, "direct_response": answer(variant)})
    };
    let unmarked = json!({"match": {"prefix": "/"}, "direct_response": answer("unmarked")});
    let routes = [marked("canary"), marked("stable"), unmarked];
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "http_filters": filters,
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
    });
    let chain =
        json!({"name": "envoy.filters.network.http_connection_manager", "typed_config": manager});
    let listener =
        json!({"name": "in", "address": address(10_000), "filter_chains": [{"filters": [chain]}]});
    let root = json!({"admin": {"address": address(9_901)}, "static_resources": {"listeners": [listener]}});
    Configuration::new(name, &root)
}

/// A Wasm filter with this module and this configuration.
#[must_use]
pub fn wasm(module: &Path, configuration: &Value) -> Value {
    let text = json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": configuration.to_string()});
    let vm = json!({"runtime": "envoy.wasm.runtime.v8", "code": {"local": {"filename": module}}});
    let config = json!({"name": "serin", "vm_config": vm, "configuration": text});
    json!({"name": "wasm", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm", "config": config}})
}

/// Envoy's own filter for headers, which marks everybody stable.
#[must_use]
pub fn header_mutation() -> Value {
    let append = json!({"header": {"key": MARK, "value": "stable"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"});
    json!({"name": "header_mutation", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
        "mutations": {"request_mutations": [{"append": append}]}}})
}

/// The Lua filter that hashes one header.
///
/// # Errors
/// Where its text is missing.
pub fn lua_hash() -> Result<Value> {
    lua("hash.lua", None)
}

/// The Lua filter that does the whole job, with the rollouts of a document.
///
/// # Errors
/// Where its text is missing, or a rollout has what the filter doesn't know.
pub fn lua_full(document: &Value) -> Result<Value> {
    let rollouts = document.get("rollouts").and_then(Value::as_array).context("rollouts")?;
    let entries = rollouts.iter().map(lua_rollout).collect::<Result<Vec<_>>>()?;
    lua("full.lua", Some(entries.concat()))
}

fn lua(name: &str, rollouts: Option<String>) -> Result<Value> {
    let folder = artifacts::root()?.join("tests/lua");
    let read = |name: &str| {
        fs::read_to_string(folder.join(name)).with_context(|| format!("reading tests/lua/{name}"))
    };
    let code = read(name)?.replace("--MURMUR3", &read("murmur3.lua")?);
    let code = code.replace("--ROLLOUTS", &rollouts.unwrap_or_default());
    Ok(json!({"name": "lua", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
        "default_source_code": {"inline_string": code}}}))
}

/// A rollout as lines of the table in `full.lua`: one for each host.
fn lua_rollout(rollout: &Value) -> Result<String> {
    let text = |pointer: &str| {
        let found = rollout.pointer(pointer).and_then(Value::as_str);
        found.with_context(|| format!("{pointer} in {rollout}"))
    };
    let list = |field: &str| {
        let all = rollout.get(field).and_then(Value::as_array);
        let texts = all.into_iter().flatten().filter_map(Value::as_str);
        texts.map(str::to_owned).collect::<Vec<String>>()
    };
    let percent: f64 = text("/weight")?.trim_end_matches('%').parse()?;
    let own = format!(
        "{{salt = {:?}, weight = {}, tester = {:?}, cookie = {:?}, query = {:?}}}",
        text("/salt")?,
        percent * 100.0,
        text("/testers/0/header")?,
        text("/identity/0/cookie")?,
        text("/identity/1/query")?,
    );
    let mut paths = list("paths");
    paths.sort_by_key(|path| std::cmp::Reverse(path.len()));
    ensure!(!paths.is_empty(), "paths in {rollout}");
    let paths: Vec<String> = paths.iter().map(|path| format!("{{{path:?}, rollout}}")).collect();
    let hosts = list("hosts");
    let lines = hosts.iter().map(|host| {
        format!(
            "  [{host:?}] = (function() local rollout = {own}; return {{{}}} end)(),\n",
            paths.join(", ")
        )
    });
    Ok(lines.collect())
}

fn answer(body: &str) -> Value {
    json!({"status": 200, "body": {"inline_string": body}})
}

fn address(port: u16) -> Value {
    json!({"socket_address": {"address": "127.0.0.1", "port_value": port}})
}
