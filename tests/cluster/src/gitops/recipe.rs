//! README's recipes, in the names of the tests' shop.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use serin_tests::readme;

/// The example in README's chapter `GitOps` that has this field.
///
/// # Errors
/// Where there is none.
pub(super) fn with(field: &str) -> Result<Value> {
    let text = readme::text()?;
    let chapter = text.split("\n### ").find(|chapter| chapter.starts_with("GitOps\n"));
    let chapter = chapter.context("README has no chapter on GitOps")?;
    let mut blocks = readme::blocks(chapter, "yaml");
    let block = blocks.find(|block| block.contains(field));
    let block = block.with_context(|| format!("README's GitOps has no {field}"))?;
    let mut recipe: Value = serde_saphyr::from_str(&block)?;
    rename(&mut recipe);
    Ok(recipe)
}

/// README's Deployment `web` is the shop's `web-stable`.
fn rename(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if fields.get("kind") == Some(&json!("Deployment"))
                && let Some(name) = fields.get_mut("name")
                && name == "web"
            {
                *name = json!("web-stable");
            }
            fields.values_mut().for_each(rename);
        }
        Value::Array(entries) => entries.iter_mut().for_each(rename),
        _ => {}
    }
}
