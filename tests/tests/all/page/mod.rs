//! The page in a real browser, served by the real controller over the real Envoy and Prometheus.

mod barriers;
mod keyboard;
mod many;
mod people;
mod restart;
mod rollout;
mod strangers;

use std::time::Duration;

use anyhow::{Result, ensure};
use serin_tests::browser::{Browser, Page};
use serin_tests::shop::{RELEASE, Shop};

/// A phase takes seconds; a busy machine makes it longer, never this long.
const LIMIT: Duration = Duration::from_mins(1);

/// A page that shows the shop's release.
async fn look_at(shop: &Shop, browser: &Browser) -> Result<Page> {
    let mut page = browser.page().await?;
    page.open(&format!("http://127.0.0.1:{}/#/{RELEASE}", shop.port())).await?;
    page.shows("#live", "live", LIMIT).await?;
    page.shows("#release h2", RELEASE, LIMIT).await?;
    Ok(page)
}

/// Nothing on the page has failed, and its policy kept it from nothing.
fn no_faults(page: &Page) -> Result<()> {
    ensure!(page.faults().is_empty(), "{:#?}", page.faults());
    Ok(())
}
