//! What a person clicks, and what becomes of it.

use anyhow::{Context as _, Result, ensure};
use serin_tests::browser::Browser;
use serin_tests::many::Many;
use serin_tests::shop::{RELEASE, Shop};

use super::{LIMIT, look_at, no_faults};

#[tokio::test]
async fn what_cannot_be_undone_is_asked_twice_then_done_and_says_by_whom() -> Result<()> {
    let steps = "[{weight: 20%, bake: 1s, approval: manual}, {weight: 60%, bake: 1h}]";
    let shop = Shop::start(steps).await?;
    let controller = shop.control().await?;
    let api = controller.api();
    let browser = Browser::start(&shop.scratch).await?;
    let mut page = look_at(&shop, &browser).await?;
    page.shows(".big-phase", "waits for approval", LIMIT).await?;
    page.shows(".big-weight", "20 %", LIMIT).await?;

    page.click("#key").await?;
    page.click("#access-name").await?;
    page.write("Ada").await?;
    page.click("#access button[value=use]").await?;
    page.shows("#key", "Commands on: Ada", LIMIT).await?;

    page.click("button[data-command=approve]").await?;
    page.shows("#sure", "Nobody can take an approval back", LIMIT).await?;
    page.click("#sure-yes").await?;
    page.shows(".big-weight", "60 %", LIMIT).await?;
    page.shows("#release table tr", "approve by Ada (127.0.0.1)", LIMIT).await?;

    page.click("button[data-command=pause]").await?;
    page.shows(".big-phase", "paused", LIMIT).await?;
    page.shows("#release table tr", "pause by Ada (127.0.0.1)", LIMIT).await?;
    page.click("button[data-command=resume]").await?;
    page.until("!document.querySelector('.big-phase').textContent.includes('paused')", LIMIT)
        .await?;

    page.click("button[data-command=abort]").await?;
    page.shows("#sure", "Everyone goes back to stable", LIMIT).await?;
    page.click("#sure button[value=no]").await?;
    let status = api.status(RELEASE).await?;
    ensure!(status.weight == "60%" && status.is("Progressing"), "{status:?}");

    page.click("button[data-command=abort]").await?;
    page.click("#sure-yes").await?;
    page.shows(".big-weight", "0 %", LIMIT).await?;
    page.shows(".big-phase", "rolled back", LIMIT).await?;
    page.shows("#release table tr", "abort by Ada (127.0.0.1)", LIMIT).await?;
    let status = api.status(RELEASE).await?;
    ensure!(status.weight == "0%" && status.is("RolledBack"), "{status:?}");
    // Nothing fits any more but to try again.
    let buttons: Vec<String> = page
        .ask("[...document.querySelectorAll('.actions button:not([hidden])')].map((one) => one.textContent)")
        .await?;
    ensure!(buttons == ["Retry"], "{buttons:?}");
    no_faults(&page)?;
    shop.judge()?;
    Ok(())
}

#[tokio::test]
async fn a_page_that_may_not_give_commands_has_no_buttons_and_a_token_brings_them() -> Result<()> {
    let shop = Shop::start("[{weight: 20%, bake: 1h}]").await?;
    let token = shop.scratch.path().join("token");
    std::fs::write(&token, "0123456789abcdef")?;
    let _controller = shop.control_with(&["--token-file", &token.to_string_lossy()]).await?;
    let browser = Browser::start(&shop.scratch).await?;
    let mut page = look_at(&shop, &browser).await?;
    // A wrong token opens nothing, also from the machine itself.
    for (token, label, buttons) in
        [("wrong", "Read-only", 0), ("0123456789abcdef", "Commands on", 3)]
    {
        page.click("#key").await?;
        page.click("#access-token").await?;
        page.write(token).await?;
        page.click("#access button[value=use]").await?;
        page.shows("#key", label, LIMIT).await?;
        let count = format!(
            "document.querySelectorAll('.actions button:not([hidden])').length === {buttons}"
        );
        page.until(&count, LIMIT).await.with_context(|| token.to_owned())?;
    }
    page.click("button[data-command=pause]").await?;
    page.shows(".big-phase", "paused", LIMIT).await?;
    let kept: bool = page
        .ask(
            "!document.cookie && !location.href.includes('0123456789') && \
             Object.keys(localStorage).length === 0 && sessionStorage.length === 1",
        )
        .await?;
    ensure!(kept, "the token lies somewhere else than in this tab");
    no_faults(&page)
}

/// What the page shows of a release of a cluster that another replica runs.
const OF_ANOTHER: &str = "Promise.all([import('/page/actions.js'), import('/page/access.js')]) \
    .then(([{ actions }, { may }]) => { \
        Object.assign(may(), { objects: true }); \
        const shown = actions({ namespace: 'shop', name: 'web', phase: 'Progressing', stored: true }); \
        const lines = [...shown.querySelectorAll('code')].map((one) => one.textContent); \
        return [shown.querySelectorAll('button').length, lines]; })";

#[tokio::test]
async fn a_release_that_another_replica_runs_has_lines_for_kubectl_and_no_buttons() -> Result<()> {
    let many = Many::start(1).await?;
    let browser = Browser::start(many.scratch()).await?;
    let mut page = browser.page().await?;
    page.open(&many.address()).await?;
    page.shows("#key", "Commands on", LIMIT).await?;
    let (buttons, lines): (usize, Vec<String>) = page.ask(OF_ANOTHER).await?;
    let expected = ["pause", "promote --skip-step", "abort"];
    let expected = expected.map(|command| format!("kubectl serin {command} web -n shop"));
    ensure!(buttons == 0 && lines == expected, "{buttons} {lines:?}");
    no_faults(&page)
}
