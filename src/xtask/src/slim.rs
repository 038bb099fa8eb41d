//! Takes out of the linked module what a proxy never has to call.
//!
//! The SDK exports a callback for everything that a proxy can tell a module. Each one that is there
//! is called for every request, answered by nothing: bodies and trailers, for instance.
//! What is not exported is not called.

use anyhow::{Context as _, Result, bail};
use walrus::Module;

/// All that the module exports.
const EXPORTS: [&str; 14] = [
    "_initialize",
    // By which the proxy makes room for what it hands over.
    "malloc",
    "memory",
    "proxy_abi_version_0_2_1",
    "proxy_on_configure",
    "proxy_on_context_create",
    "proxy_on_delete",
    "proxy_on_done",
    "proxy_on_http_call_response",
    "proxy_on_log",
    "proxy_on_request_headers",
    "proxy_on_response_headers",
    "proxy_on_tick",
    "proxy_on_vm_start",
];

/// The module with these exports only, and without the code that nothing reaches any more.
///
/// # Errors
/// A module that cannot be read, or lacks one of the exports.
pub(crate) fn slim(linked: &[u8]) -> Result<Vec<u8>> {
    let mut module = Module::from_buffer(linked).context("the linked module cannot be read")?;
    for name in EXPORTS {
        if !module.exports.iter().any(|export| export.name == name) {
            bail!("the linked module does not export {name}");
        }
    }
    let unused = module.exports.iter().filter(|export| !EXPORTS.contains(&export.name.as_str()));
    for id in unused.map(walrus::Export::id).collect::<Vec<_>>() {
        module.exports.delete(id);
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

    #[test]
    fn what_is_not_needed_goes_with_its_code() {
        let needless = ["proxy_on_request_body", "__heap_base"];
        let linked = module(&[&EXPORTS[..], &needless[..]].concat());
        let slimmed = Module::from_buffer(&slim(&linked).unwrap()).unwrap();
        let exports: Vec<&str> = slimmed.exports.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(exports, EXPORTS);
        assert_eq!(slimmed.funcs.iter().count(), EXPORTS.len());
    }

    #[test]
    fn a_module_that_lacks_what_a_proxy_calls_is_refused() {
        let error = slim(&module(&EXPORTS[1..])).unwrap_err().to_string();
        assert!(error.contains("does not export _initialize"), "{error}");
        assert!(slim(b"no module").is_err());
    }
}
