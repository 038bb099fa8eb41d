//! The controller goes and comes back under an open page.

use anyhow::{Result, ensure};
use serin_tests::browser::Browser;
use serin_tests::shop::Shop;

use super::{LIMIT, look_at, no_faults};

#[tokio::test]
async fn a_page_says_that_it_is_not_live_and_goes_on_when_the_controller_is_back() -> Result<()> {
    let shop = Shop::start("[{weight: 20%, bake: 1h}]").await?;
    let mut controller = shop.control().await?;
    let browser = Browser::start(&shop.scratch).await?;
    let mut page = look_at(&shop, &browser).await?;
    page.shows(".big-weight", "20 %", LIMIT).await?;
    // Whoever reads on must not lose their place.
    page.ask::<()>("document.querySelector('#filter').focus()").await?;

    controller.process().kill()?;
    page.shows("#live", "not live", LIMIT).await?;
    page.shows(".big-weight", "20 %", LIMIT).await?;

    let _again = shop.control().await?;
    page.until("document.querySelector('#live').textContent === 'Live'", LIMIT).await?;
    page.shows(".big-weight", "20 %", LIMIT).await?;
    let focus: String = page.ask("document.activeElement.id").await?;
    ensure!(focus == "filter", "the focus went to `{focus}`");
    let rows: usize = page.ask("document.querySelectorAll('#releases li').length").await?;
    ensure!(rows == 1, "{rows} rows");
    no_faults(&page)
}
