//! The modules as they are loaded: what a proxy finds in them, and what they need of a proxy.

use anyhow::{Result, ensure};
use serin_tests::artifacts;
use walrus::Module;

/// Each callback that is there is called for every request, so one that does nothing is not.
const CALLBACKS: [&str; 8] = [
    "proxy_on_configure",
    "proxy_on_context_create",
    "proxy_on_delete",
    "proxy_on_http_call_response",
    "proxy_on_request_headers",
    "proxy_on_response_headers",
    "proxy_on_response_trailers",
    "proxy_on_tick",
];

#[test]
fn each_module_has_the_callbacks_that_it_uses_and_needs_a_proxy_only() -> Result<()> {
    for file in [artifacts::module()?, artifacts::module_with_tripwires()?] {
        let module = Module::from_file(&file)?;
        let mut callbacks: Vec<&str> = module.exports.iter().map(|it| it.name.as_str()).collect();
        callbacks.retain(|name| name.starts_with("proxy_on_"));
        callbacks.sort_unstable();
        ensure!(callbacks == CALLBACKS, "{}: {callbacks:?}", file.display());
        for import in module.imports.iter() {
            let of_a_proxy = import.module == "env" && import.name.starts_with("proxy_");
            ensure!(
                of_a_proxy || import.module == "wasi_snapshot_preview1",
                "{}: {} {}",
                file.display(),
                import.module,
                import.name
            );
        }
    }
    Ok(())
}
