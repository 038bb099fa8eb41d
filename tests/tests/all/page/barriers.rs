//! Nobody is kept out: what axe-core finds, by day and by night, on a desk and on a phone.

use anyhow::{Context as _, Result, ensure};
use serin_tests::browser::{Browser, Page, Screen};
use serin_tests::shop::Shop;

use super::{LIMIT, look_at, no_faults};

/// In CSS pixels: a desk that is enlarged four times, and what lies between a phone and a desk.
const WIDTHS: [u32; 6] = [320, 500, 768, 992, 1000, 1100];

#[tokio::test]
async fn no_barrier_is_found_on_any_screen_in_light_or_dark() -> Result<()> {
    let shop =
        Shop::start("[{weight: 20%, bake: 3s}, {weight: 60%, bake: 1h, approval: manual}]").await?;
    let _controller = shop.control().await?;
    let browser = Browser::start(&shop.scratch).await?;
    let mut page = look_at(&shop, &browser).await?;
    page.shows(".big-weight", "60 %", LIMIT).await?;
    page.shows("figure", "errors: ", LIMIT).await?;
    for screen in [Screen::DESK, Screen::PHONE] {
        for dark in [false, true] {
            let screen = Screen { dark, ..screen };
            page.screen(screen).await?;
            views(&mut page).await.with_context(|| format!("{screen:?}"))?;
        }
    }
    for width in WIDTHS {
        page.screen(Screen { width, ..Screen::DESK }).await?;
        fits(&mut page).await.with_context(|| format!("{width} pixels"))?;
    }
    no_faults(&page)
}

/// Nothing lies beyond the edge of the screen.
async fn fits(page: &mut Page) -> Result<()> {
    let beyond: Vec<String> = page
        .ask(
            "[...document.querySelectorAll('main *')].filter((one) => !one.closest('.scroll') && \
             one.getBoundingClientRect().right > document.documentElement.clientWidth + 1) \
             .map((one) => one.outerHTML.slice(0, 100))",
        )
        .await?;
    ensure!(beyond.is_empty(), "{beyond:#?}");
    Ok(())
}

/// The list, one release, and what is asked before an abort.
async fn views(page: &mut Page) -> Result<()> {
    none(page).await.context("one release")?;
    page.click("button[data-command=abort]").await?;
    none(page).await.context("the question before an abort")?;
    page.press("Escape").await?;
    page.ask::<()>("void (location.hash = '#/')").await?;
    page.until("document.querySelector('#release').hidden", LIMIT).await?;
    none(page).await.context("the list")?;
    page.click("#releases a").await?;
    page.shows("#release .big-weight", "60 %", LIMIT).await
}

async fn none(page: &mut Page) -> Result<()> {
    let barriers = page.barriers().await?;
    ensure!(barriers.is_empty(), "{barriers:#?}");
    Ok(())
}
