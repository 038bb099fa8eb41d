//! A user is on the same side whatever proxy a request comes through.

use anyhow::{Context as _, Result};
use serin_assignment::{Salt, Weight};
use serin_tests::documents::{Rollout, document, revision_now};
use serin_tests::hashed::goes_by_the_hash;
use serin_tests::http::Connection;
use serin_tests::ports;
use serin_tests::proxies::{Around, HaProxy, Nginx, ServeAssign};
use serin_tests::site::Site;
use serin_tests::source::Answer;

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
            let asked = goes_by_the_hash(&mut connection, HOST, &user, (&salt, weight)).await;
            asked.context(name)?;
        }
    }
    Ok(())
}
