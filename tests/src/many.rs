//! A controller with many releases, whose Prometheus is out of reach.

use anyhow::Result;

use crate::artifacts;
use crate::controller::{Controller, Options, fill_template};
use crate::ports;
use crate::scratch::Scratch;

/// They ask rarely, so that what is measured is not how they ask.
const INTERVAL: &str = "10m";

/// A running controller.
#[derive(Debug)]
pub struct Many {
    controller: Controller,
    scratch: Scratch,
}

impl Many {
    /// Starts one with so many releases, `test/shop-0000` and on.
    ///
    /// # Errors
    /// Where it refuses to start.
    pub async fn start(releases: usize) -> Result<Self> {
        let scratch = Scratch::new()?;
        let template = artifacts::root()?.join("tests/shop/release.yaml");
        let nowhere = format!("http://127.0.0.1:{}", ports::free()?);
        let values =
            [("version", "v2"), ("prometheus", &*nowhere), ("steps", "[{weight: 20%, bake: 1h}]")];
        let text = fill_template(&template, &values)?;
        let mut files = Vec::new();
        for number in 0..releases {
            let name = format!("shop-{number:04}");
            let text = text.replace("name: shop,", &format!("name: {name},"));
            let text = text.replace("shop.example.com", &format!("{name}.example.com"));
            let file = scratch.path().join(format!("{name}.yaml"));
            std::fs::write(&file, text)?;
            files.push(file);
        }
        let port = ports::free()?;
        let state = scratch.folder("state")?;
        let options = Options { releases: files, port, state, receivers: None };
        let controller =
            Controller::start_with(&options, &["--interval", INTERVAL], &scratch).await?;
        Ok(Self { controller, scratch })
    }

    /// Where its page is.
    #[must_use]
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}/", self.controller.api().port())
    }

    /// Where its files are.
    #[must_use]
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }
}
