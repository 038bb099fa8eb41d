//! Whether a controller runs, and one of its replicas leads.

use core::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::super::kinds::at;
use super::super::lease::LENGTH;
use super::super::template::{available, replicas};
use super::Finding;
use super::cluster::Looked;

/// The name of the controller's Deployment and of its account, as `istio/` has them.
pub(super) const NAME: &str = "serin";

const CHECK: &str = "controller";

/// How much the clocks of two machines may differ before a lease is taken for one that nobody
/// renews. The controllers themselves go by no clock but their own.
const CLOCKS: Duration = Duration::from_secs(5);

pub(super) fn look(
    namespace: &str,
    deployment: &Looked,
    lease: &Looked,
    now: Timestamp,
) -> Vec<Finding> {
    vec![replicas_of(namespace, deployment), leader(namespace, lease, now)]
}

fn replicas_of(namespace: &str, found: &Looked) -> Finding {
    match found {
        Err(why) => Finding::unknown(CHECK, why),
        Ok(None) => Finding::doubtful(
            CHECK,
            format!("there is no Deployment {NAME} in namespace {namespace}"),
        )
        .mend("install it (README, Kubernetes), or say where it is: --controller-namespace"),
        Ok(Some(deployment)) => {
            let (wanted, ready) = (replicas(deployment), available(deployment));
            let says = format!("{ready} of {wanted} replicas are available");
            match ready {
                0 => Finding::bad(CHECK, says)
                    .mend(format!("kubectl describe pods --namespace {namespace}")),
                _ if ready < wanted => Finding::doubtful(CHECK, says)
                    .mend(format!("kubectl describe pods --namespace {namespace}")),
                1 => Finding::doubtful(CHECK, format!("{says}: nobody takes over when it fails"))
                    .mend(format!(
                        "kubectl scale deployment {NAME} --replicas 2 --namespace {namespace}"
                    )),
                _ => Finding::good(CHECK, says),
            }
        }
    }
}

fn leader(namespace: &str, found: &Looked, now: Timestamp) -> Finding {
    const CHECK: &str = "leader";
    let logs = format!("kubectl logs deployment/{NAME} --namespace {namespace}");
    let lease = match found {
        Err(why) => return Finding::unknown(CHECK, why),
        Ok(None) => {
            return Finding::bad(CHECK, "no controller has ever taken the lease").mend(logs);
        }
        Ok(Some(lease)) => lease,
    };
    let text = |field| at(lease, &["spec", field]).and_then(Value::as_str).unwrap_or_default();
    let holder = text("holderIdentity");
    if holder.is_empty() {
        return Finding::bad(CHECK, "nobody leads: the last leader gave the lease back").mend(logs);
    }
    let Ok(renewed) = text("renewTime").parse::<Timestamp>() else {
        return Finding::unknown(CHECK, format!("{holder} has the lease; since when is not told"));
    };
    let age = now.duration_since(renewed);
    if age.unsigned_abs() > LENGTH + CLOCKS {
        let age = age.as_secs();
        return Finding::bad(
            CHECK,
            format!("nobody leads: {holder} renewed the lease {age} s ago"),
        )
        .mend(logs);
    }
    Finding::good(CHECK, format!("{holder} leads"))
}

#[cfg(test)]
mod tests {
    use kube::api::DynamicObject;
    use serde_json::json;

    use super::super::Outcome;
    use super::*;

    fn object(data: &Value) -> DynamicObject {
        serde_json::from_value(data.clone()).unwrap()
    }

    fn deployment(wanted: u64, ready: u64) -> Outcome {
        let data = json!({"metadata": {}, "spec": {"replicas": wanted},
            "status": {"availableReplicas": ready}});
        replicas_of("serin-system", &Ok(Some(object(&data)))).outcome
    }

    #[test]
    fn two_replicas_are_good_and_none_is_bad() {
        assert_eq!(deployment(2, 2), Outcome::Good);
        assert_eq!(deployment(2, 1), Outcome::Doubtful);
        assert_eq!(deployment(1, 1), Outcome::Doubtful);
        assert_eq!(deployment(2, 0), Outcome::Bad);
        assert_eq!(replicas_of("serin-system", &Ok(None)).outcome, Outcome::Doubtful);
    }

    #[test]
    fn who_leads_has_renewed_the_lease_lately() {
        let now: Timestamp = "2026-11-26T05:00:00Z".parse().unwrap();
        let leads = |holder: &str, renewed: &str| {
            let spec =
                json!({"metadata": {}, "spec": {"holderIdentity": holder, "renewTime": renewed}});
            leader("serin-system", &Ok(Some(object(&spec))), now).outcome
        };
        assert_eq!(leads("serin-0", "2026-11-26T04:59:50.123456Z"), Outcome::Good);
        assert_eq!(leads("serin-0", "2026-11-26T05:00:03Z"), Outcome::Good);
        assert_eq!(leads("serin-0", "2026-11-26T04:59:00Z"), Outcome::Bad);
        assert_eq!(leads("", "2026-11-26T05:00:00Z"), Outcome::Bad);
        assert_eq!(leads("serin-0", "yesterday"), Outcome::Unknown);
        assert_eq!(leader("serin-system", &Ok(None), now).outcome, Outcome::Bad);
    }
}
