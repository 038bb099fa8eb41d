//! The page of a controller that runs the releases of a cluster, in a real browser.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use serin_cluster::released::{KIND, at};
use serin_cluster::unmarked::{new_image, until_phase};
use serin_tests::browser::Browser;
use serin_tests::scratch::Scratch;

use crate::ingress::Stage;

/// A phase takes seconds; a busy machine makes it longer, never this long.
const LIMIT: Duration = Duration::from_mins(1);

#[tokio::test]
async fn the_page_lists_a_clusters_releases_and_an_abort_that_is_clicked_arrives_on_the_object()
-> Result<()> {
    let stage = Stage::start("page").await?;
    let scratch = Scratch::named(&stage.namespace.folder()?.join("browser"))?;
    let browser = Browser::start(&scratch).await?;
    let mut page = browser.page().await?;
    let address = format!("http://127.0.0.1:{}/", stage.operator.port());
    page.open(&address).await?;
    page.shows("#live", "live", LIMIT).await?;
    page.shows("#releases", "page/shop", LIMIT).await?;

    // One that somebody applies while the page is open; there is no such object.
    let mut other = stage.namespace.get(KIND, "shop").await?;
    other["metadata"] = json!({"name": "later"});
    other["spec"]["traffic"]["ingress"] = json!("missing");
    if let Some(fields) = other.as_object_mut() {
        fields.remove("status");
    }
    stage.namespace.apply(&other.to_string()).await?;
    page.shows("#releases", "page/later", LIMIT).await?;

    // Time to click.
    let steps = json!([{"weight": "12.5%", "bake": "1h"}, {"weight": "100%", "bake": "2s"}]);
    let patch = json!({"spec": {"steps": steps}});
    stage.namespace.kubectl().patch(&[KIND, "shop"], &patch).await?;
    new_image(&stage.namespace, "shop:1.1").await?;
    stage.until("1250", "10000").await?;
    page.open(&format!("{address}#/page/shop")).await?;
    page.shows(".big-weight", "12.5 %", LIMIT).await?;
    page.click("#key").await?;
    page.click("#access-name").await?;
    page.write("Ada").await?;
    page.click("#access button[value=use]").await?;
    page.shows("#key", "Commands on: Ada", LIMIT).await?;
    page.click("button[data-command=abort]").await?;
    page.click("#sure-yes").await?;
    page.shows(".big-phase", "rolled back", LIMIT).await?;
    page.shows("#release table tr", "abort by Ada (127.0.0.1)", LIMIT).await?;

    let object = until_phase(&stage.namespace, "RolledBack").await?;
    let decisions = at(&object, "/status/decisions");
    ensure!(decisions.to_string().contains("Ada"), "{decisions:#}");
    stage.until("0", "10000").await?;
    ensure!(page.faults().is_empty(), "{:#?}", page.faults());
    Ok(())
}
