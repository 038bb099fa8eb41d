//! Pages that may not give commands: those of other origins, and the controller's own where it comes
//! from elsewhere and there is no token.

use std::net::{IpAddr, UdpSocket};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use serin_tests::browser::{Browser, Page};
use serin_tests::shop::{RELEASE, Shop};

use super::{LIMIT, look_at, no_faults};

/// Gives a command in each way in which a page may send something to another origin without asking:
/// a request whose answer it cannot read, and a form in a frame.
const TRY: &str = "(async (address) => { \
    const { type } = await fetch(address, { method: 'POST', mode: 'no-cors' }); \
    const readable = await fetch(address, { method: 'POST' }).then(() => true, () => false); \
    const frame = Object.assign(document.createElement('iframe'), { name: 'into' }); \
    const form = Object.assign(document.createElement('form'), \
        { action: address, method: 'post', target: 'into' }); \
    document.body.append(frame, form); \
    await new Promise((resolve) => { frame.onload = resolve; form.submit(); }); \
    return [type, readable]; })";

/// The same command from a page of the controller's own.
const COMMAND: &str = "(async (path) => (await fetch(path, { method: 'POST' })).status)";

/// What a machine is called by others; `None` of one that has no network.
fn outside() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // No packet is sent: the address is one of those that are for documents.
    socket.connect("198.51.100.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|address| !address.is_loopback())
}

#[tokio::test]
async fn a_page_of_another_origin_gives_no_command_and_none_from_elsewhere_without_a_token()
-> Result<()> {
    let shop = Shop::start("[{weight: 20%, bake: 1h}]").await?;
    let listen = format!("0.0.0.0:{}", shop.port());
    let controller = shop.control_with(&["--listen", &listen]).await?;
    let api = controller.api();
    api.until(RELEASE, LIMIT, |status| status.weight == "20%").await?;
    let path = format!("/v1/releases/{RELEASE}/abort");
    let browser = Browser::start(&shop.scratch).await?;

    // Another port is another origin of the same site, another name another site.
    for host in ["127.0.0.1", "localhost"] {
        let mut page = browser.page().await?;
        page.open(&format!("http://{host}:{}/", shop.stable.port())).await?;
        let address = format!("http://127.0.0.1:{}{path}", shop.port());
        let (kind, readable): (String, bool) = page.ask(&format!("{TRY}({address:?})")).await?;
        ensure!(kind == "opaque" && !readable, "{host}: {kind} {readable}");
        // The others' answers are kept from the page, and so are their status.
        let refused = page.refused().iter().filter(|it| it.starts_with(&address));
        ensure!(refused.filter(|it| it.contains("403")).count() >= 1, "{:#?}", page.refused());
    }

    // The controller's own page, from elsewhere.
    let here = format!("http://127.0.0.1:{}/#/{RELEASE}", shop.port());
    let mut proxied = browser.page().await?;
    proxied.pass_through(json!({"x-forwarded-for": "198.51.100.7"})).await?;
    proxied.open(&here).await?;
    reads_only(&mut proxied, &path).await.context("through a proxy")?;
    no_faults(&proxied)?;
    if let Some(outside) = outside() {
        let mut page = browser.page().await?;
        page.open(&format!("http://{outside}:{}/#/{RELEASE}", shop.port())).await?;
        reads_only(&mut page, &path).await.with_context(|| outside.to_string())?;
    }

    let after = api.status(RELEASE).await?;
    ensure!(after.weight == "20%" && after.is("Progressing"), "{after:?}");
    let aborts = after.decisions.iter().filter(|decision| decision.reason == "Aborted");
    ensure!(aborts.count() == 0, "{after:#?}");

    // Nothing but where it came from was wrong with the command.
    let mut page = look_at(&shop, &browser).await?;
    let answered: u16 = page.ask(&format!("{COMMAND}({path:?})")).await?;
    ensure!(answered == 200, "HTTP {answered}");
    page.shows(".big-weight", "0 %", LIMIT).await?;
    no_faults(&page)
}

/// It shows the release, has no button, asks for no token as there is none, and what it sends all the
/// same is refused.
async fn reads_only(page: &mut Page, path: &str) -> Result<()> {
    page.shows("#live", "live", LIMIT).await?;
    page.shows(".big-weight", "20 %", LIMIT).await?;
    page.shows("#key", "Read-only", LIMIT).await?;
    let bare: bool = page
        .ask(
            "!document.querySelector('.actions button') && \
             document.querySelector('#access-token-line').hidden",
        )
        .await?;
    ensure!(bare, "there is something to command by");
    let answered: u16 = page.ask(&format!("{COMMAND}({path:?})")).await?;
    ensure!([401, 403].contains(&answered), "HTTP {answered}");
    Ok(())
}
