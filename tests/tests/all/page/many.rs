//! A thousand releases.

use anyhow::{Result, ensure};
use serin_tests::browser::Browser;
use serin_tests::many::Many;

use super::{LIMIT, no_faults};

#[tokio::test]
async fn a_thousand_releases_are_listed_and_the_one_that_is_looked_for_is_found() -> Result<()> {
    let many = Many::start(1_000).await?;
    let browser = Browser::start(many.scratch()).await?;
    let mut page = browser.page().await?;
    page.open(&many.address()).await?;
    page.until("document.querySelectorAll('#releases li').length === 1000", LIMIT).await?;
    page.click("#filter").await?;
    page.write("shop-0421").await?;
    page.until("document.querySelectorAll('#releases li').length === 1", LIMIT).await?;
    page.shows("#count", "1 of 1000", LIMIT).await?;
    page.click("#releases a").await?;
    page.shows("#release h2", "test/shop-0421", LIMIT).await?;
    page.shows("#release .big-phase", "unknown", LIMIT).await?;
    let first: String = page.ask("document.querySelector('#releases a').hash").await?;
    ensure!(first == "#/test/shop-0421", "{first}");
    no_faults(&page)
}
