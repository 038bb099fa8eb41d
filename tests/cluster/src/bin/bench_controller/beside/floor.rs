//! How long istiod and Envoy take for a weight by themselves.

use anyhow::Result;
use serin_cluster::objects::{self, Shares};
use serin_cluster::pods::Pods;
use serin_tests::clock::now_us;

use super::live;
use super::rollback::LIMIT;
use super::stand::Side;

const NAME: &str = "floor";
/// How often it is measured each time.
const TIMES: usize = 3;

/// A route that nobody but this looks after.
pub(crate) struct Floor<'a> {
    side: &'a Side,
    _service: Pods,
}

impl<'a> Floor<'a> {
    pub(crate) async fn prepare(side: &'a Side) -> Result<Self> {
        let service = Pods::run(&side.namespace, NAME).await?;
        side.namespace.apply(&objects::destination_rule(NAME).to_string()).await?;
        Ok(Self { side, _service: service })
    }

    /// Milliseconds from a written weight of zero to live.
    pub(crate) async fn measure(&self) -> Result<Vec<f64>> {
        let Side { routes, gateway, namespace, .. } = self.side;
        let host = format!("{NAME}.example.com");
        let cluster = format!("outbound|80|canary|{NAME}.{}.svc.cluster.local", namespace.name());
        let mut times = Vec::new();
        for _ in 0..TIMES {
            let set = |shares| objects::virtual_service(NAME, &[&host], shares).to_string();
            namespace.apply(&set(Shares::serving(10))).await?;
            live::until(gateway.admin(), &cluster, true).await?;
            let (since_us, zero) = (now_us(), set(Shares::NOTHING));
            let (applied, live) = tokio::join!(namespace.apply(&zero), async {
                let written = routes.until(NAME, since_us, false, LIMIT).await?;
                let live = live::until(gateway.admin(), &cluster, false).await?;
                anyhow::Ok((written, live))
            });
            applied?;
            let (written, live) = live?;
            times.push(super::rollback::ms(written, live));
        }
        Ok(times)
    }
}
