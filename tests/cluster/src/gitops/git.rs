//! What stands in Git.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::objects::{self, Shares};
use crate::released::{KIND, Released, at};
use crate::shop::{CANARY, STABLE, route};

/// The objects of a shop and its release, as README has their owner write them: nothing of what is the
/// controller's but the weights, of which a `VirtualService` without them would have no sum.
#[derive(Clone, Debug)]
pub struct Git {
    objects: Vec<Value>,
}

impl Git {
    /// What a shop before its first rollout was made of.
    ///
    /// # Errors
    /// Where its release cannot be read, or the filter's module was not built.
    pub async fn of(released: &Released) -> Result<Self> {
        let release = released.namespace().get(KIND, "shop").await?;
        let release = json!({
            "apiVersion": at(&release, "/apiVersion"),
            "kind": at(&release, "/kind"),
            "metadata": {"name": "shop"},
            "spec": at(&release, "/spec"),
        });
        let objects = vec![
            objects::deployment("web-stable", &STABLE, "shop:1.0", Some(2)),
            objects::deployment("web-canary", &CANARY, "shop:1.0", None),
            objects::destination_rule("web"),
            route(Shares::NOTHING),
            objects::wasm_plugin(&json!({"formatVersion": "1.0"}))?,
            release,
        ];
        Ok(Self { objects })
    }

    /// What an object says at a JSON pointer, to be changed.
    ///
    /// # Errors
    /// Where there is no such object, or nothing there.
    pub fn at(&mut self, kind: &str, name: &str, pointer: &str) -> Result<&mut Value> {
        let mut objects = self.objects.iter_mut();
        let object = objects.find(|it| at(it, "/kind") == kind && at(it, "/metadata/name") == name);
        let object = object.with_context(|| format!("no {kind} {name} in Git"))?;
        object.pointer_mut(pointer).with_context(|| format!("{kind} {name} has no {pointer}"))
    }

    /// Adds fields to an object.
    ///
    /// # Errors
    /// Where there is no such object.
    pub fn add(&mut self, kind: &str, name: &str, fields: &Value) -> Result<()> {
        super::add(self.at(kind, name, "")?, fields);
        Ok(())
    }

    /// Names another image in a Deployment.
    ///
    /// # Errors
    /// Where there is no such Deployment.
    pub fn image(&mut self, deployment: &str, image: &str) -> Result<()> {
        let pointer = "/spec/template/spec/containers/0/image";
        *self.at("Deployment", deployment, pointer)? = json!(image);
        Ok(())
    }

    /// Gives each object this value of the label `commit`, so that each has to be written anew.
    pub fn label(&mut self, value: &str) {
        let label = json!({"metadata": {"labels": {"commit": value}}});
        for object in &mut self.objects {
            super::add(object, &label);
        }
    }

    /// Takes the release out.
    pub fn remove_release(&mut self) {
        self.objects.retain(|object| at(object, "/kind") != "CanaryRelease");
    }

    /// The files, one for each object, by their names.
    pub(super) fn files(&self) -> Vec<(String, String)> {
        let file = |object: &Value| {
            let text = |pointer| at(object, pointer).as_str().unwrap_or_default().to_lowercase();
            // JSON is YAML as well.
            let name = format!("{}-{}.yaml", text("/kind"), text("/metadata/name"));
            (name, format!("{object:#}\n"))
        };
        self.objects.iter().map(file).collect()
    }

    /// The same where the files are the same; as many hexadecimal digits as a commit has.
    pub(super) fn revision(&self) -> String {
        const COMMIT: usize = 40;
        let texts: String = self.files().into_iter().map(|(_, text)| text).collect();
        let mut revision = digest(texts.as_bytes());
        revision.truncate(COMMIT);
        revision
    }
}

/// The SHA-256 of these bytes in hexadecimal digits.
pub(super) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
