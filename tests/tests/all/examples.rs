//! Envoy itself accepts every example configuration, as it stands in the repository.

use anyhow::{Context as _, Result};
use serin_tests::artifacts;
use serin_tests::configuration::Configuration;

#[tokio::test]
async fn envoy_accepts_every_example() -> Result<()> {
    let names = artifacts::examples()?;
    let expected =
        ["envoy.yaml", "identity.yaml", "inline.yaml", "inner.yaml", "logs.yaml", "tripwire.yaml"];
    assert_eq!(names, expected);
    for name in names {
        Configuration::example(&name)?.validate().await.with_context(|| name.clone())?;
    }
    Ok(())
}

/// So that the test above can fail.
#[tokio::test]
async fn envoy_refuses_a_broken_example() -> Result<()> {
    let broken = Configuration::example("envoy.yaml")?.replace("port_value:", "port_valeu:")?;
    let error = broken.validate().await.map(|()| "accepted").map_err(|error| error.to_string());
    assert!(error.as_ref().is_err_and(|text| text.contains("port_valeu")), "{error:?}");
    Ok(())
}
