//! Leaves in the linked module what a proxy has to find there, and nothing else.
//!
//! The SDK exports a callback for everything that a proxy can tell a module, each with its
//! dispatcher behind it. A callback that is there is called for every request; what is not exported
//! is not called. The filter has its own callbacks, linked as `serin_on_…` since the SDK's have the
//! names that proxies call: here they get those.

use anyhow::{Context as _, Result, bail};
use walrus::Module;

/// What the module exports under its linked name.
const KEPT: [&str; 4] = [
    "_initialize",
    // By which the proxy makes room for what it hands over.
    "malloc",
    "memory",
    "proxy_abi_version_0_2_1",
];

/// The callbacks, without what stands before `on`.
const CALLBACKS: [&str; 8] = [
    "on_configure",
    "on_context_create",
    "on_delete",
    "on_http_call_response",
    "on_log",
    "on_request_headers",
    "on_response_headers",
    "on_tick",
];

/// The module with these exports only, and without the code that nothing reaches any more.
///
/// # Errors
/// A module that cannot be read, or lacks one of the exports.
pub(crate) fn slim(linked: &[u8]) -> Result<Vec<u8>> {
    let mut module = Module::from_buffer(linked).context("the linked module cannot be read")?;
    let linked_as = |name: &str| format!("serin_{name}");
    let wanted = KEPT.map(str::to_owned).into_iter().chain(CALLBACKS.map(linked_as));
    let wanted: Vec<String> = wanted.collect();
    for name in &wanted {
        if !module.exports.iter().any(|export| export.name == *name) {
            bail!("the linked module does not export {name}");
        }
    }
    let unused = module.exports.iter().filter(|export| !wanted.contains(&export.name));
    for id in unused.map(walrus::Export::id).collect::<Vec<_>>() {
        module.exports.delete(id);
    }
    for export in module.exports.iter_mut() {
        if let Some(callback) = export.name.strip_prefix("serin_") {
            export.name = format!("proxy_{callback}");
        }
    }
    walrus::passes::gc::run(&mut module);
    Ok(module.emit_wasm())
}

#[cfg(test)]
mod tests {
    use walrus::{FunctionBuilder, ValType};

    use super::*;

    /// A module with these exports, each a function of its own.
    fn module(exports: &[&str]) -> Vec<u8> {
        let mut module = Module::default();
        for (number, name) in (0..).zip(exports) {
            let mut function = FunctionBuilder::new(&mut module.types, &[], &[ValType::I32]);
            function.func_body().i32_const(number);
            let function = function.finish(Vec::new(), &mut module.funcs);
            module.exports.add(name, function);
        }
        module.emit_wasm()
    }

    /// The names of all exports under which a proxy finds them.
    fn published() -> Vec<String> {
        let callbacks = CALLBACKS.map(|name| format!("proxy_{name}"));
        KEPT.map(str::to_owned).into_iter().chain(callbacks).collect()
    }

    #[test]
    fn ours_take_the_place_of_the_sdks_and_what_is_not_needed_goes_with_its_code() {
        let ours = CALLBACKS.map(|name| format!("serin_{name}"));
        let theirs = CALLBACKS.map(|name| format!("proxy_{name}"));
        let needless = ["proxy_on_request_body", "__heap_base"];
        let mut linked: Vec<&str> = theirs.iter().map(String::as_str).collect();
        linked.extend(needless);
        linked.extend(KEPT);
        linked.extend(ours.iter().map(String::as_str));
        let slimmed = Module::from_buffer(&slim(&module(&linked)).unwrap()).unwrap();
        let exports: Vec<&str> = slimmed.exports.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(exports, published());
        assert_eq!(slimmed.funcs.iter().count(), published().len());
    }

    #[test]
    fn a_module_that_lacks_what_a_proxy_calls_is_refused() {
        let error = slim(&module(&KEPT)).unwrap_err().to_string();
        assert!(error.contains("does not export serin_on_configure"), "{error}");
        assert!(slim(b"no module").is_err());
    }
}
