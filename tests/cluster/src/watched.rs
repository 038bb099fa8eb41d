//! An object as it changes, by a kubectl that watches it: one that asks anew every moment takes more of
//! the processor than all that it looks at.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Deserializer, Value};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStdout};

use crate::kubectl::Kubectl;

pub(crate) struct Watched {
    kubectl: Child,
    output: ChildStdout,
    /// What it has printed behind the last whole version.
    rest: Vec<u8>,
    seen: bool,
}

impl Watched {
    pub(crate) fn start(kubectl: &Kubectl, kind: &str, name: &str) -> Result<Self> {
        let mut kubectl = kubectl.start(&["get", kind, name, "--watch", "--output", "json"])?;
        let output = kubectl.stdout.take().context("kubectl without an output")?;
        Ok(Self { kubectl, output, rest: Vec::new(), seen: false })
    }

    /// Its next version, the present one at first; `None` once the API server has ended the watch.
    ///
    /// # Errors
    /// Where there is none; with what kubectl said.
    pub(crate) async fn next(&mut self) -> Result<Option<Value>> {
        loop {
            let mut versions = Deserializer::from_slice(&self.rest).into_iter::<Value>();
            match versions.next() {
                Some(Err(error)) if !error.is_eof() => return Err(error.into()),
                Some(Ok(version)) => {
                    let end = versions.byte_offset();
                    self.rest.drain(..end);
                    self.seen = true;
                    return Ok(Some(version));
                }
                Some(Err(_)) | None => {}
            }
            if self.output.read_buf(&mut self.rest).await? == 0 {
                let mut said = String::new();
                if let Some(errors) = &mut self.kubectl.stderr {
                    errors.read_to_string(&mut said).await?;
                }
                ensure!(self.seen, "{}", said.trim());
                return Ok(None);
            }
        }
    }
}
