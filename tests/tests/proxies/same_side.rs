//! A user is on the same side whatever proxy a request comes through.

use std::time::Duration;

use anyhow::{Context as _, Result};
use hyper::Method;
use serin_assignment::{Salt, Variant, Weight, assign};
use serin_tests::documents::{Rollout, document, revision_now};
use serin_tests::http::{self, Connection};
use serin_tests::ports;
use serin_tests::proxies::{Around, HaProxy, Nginx, ServeAssign};
use serin_tests::site::Site;
use serin_tests::source::Answer;
use serin_tests::webapp::NAME_HEADER;

const HOST: &str = "shop.example.com";
const SALT: &str = "shop/checkout";
const WEIGHT: &str = "37.5%";
const USERS: usize = 1_000;

#[tokio::test]
async fn a_thousand_users_get_the_same_side_through_nginx_haproxy_and_envoy() -> Result<()> {
    let site = Site::start(1, Answer::document(&document(1, &[]))).await?;
    let rollout = Rollout::new(SALT, HOST).weight(WEIGHT);
    site.publish(revision_now(), &[rollout]).await?;
    let assign_port = ports::free()?;
    let _assign = ServeAssign::start(assign_port, site.source.port(), &site.scratch).await?;
    let around =
        Around { stable: site.stable.port(), canary: site.canary.port(), assign: assign_port };
    let nginx = Nginx::start(around, &site.scratch).await?;
    let haproxy = HaProxy::start(around, &site.scratch).await?;

    let (salt, weight): (Salt, Weight) = (SALT.parse()?, WEIGHT.parse()?);
    let proxies =
        [("envoy", site.envoy()?.port()), ("nginx", nginx.port()), ("haproxy", haproxy.port())];
    for (name, port) in proxies {
        let mut connection = Connection::to(port).await?;
        for number in 0..USERS {
            let user = format!("user-{number}");
            // A mark of the client's own, always the other one, must change nothing.
            let expected = assign(&salt, user.as_bytes()).variant(weight);
            let forged = match expected {
                Variant::Canary => "stable",
                Variant::Stable => "canary",
            };
            let headers = [("host", HOST), ("x-user-id", &user), ("x-serin-variant", forged)];
            let request = http::request(Method::GET, "/cart?step=2", &headers, "")?;
            let answer = connection.send(request, Duration::from_secs(5)).await?;
            let served =
                answer.header(NAME_HEADER).with_context(|| format!("{name}: {answer:?}"))?;
            assert_eq!(served.parse::<Variant>()?, expected, "{name}, {user}");
        }
    }
    Ok(())
}
