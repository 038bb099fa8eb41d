//! Whether the Deployments of a release are there, and stable could take everyone back.

use super::super::template::{available, replicas};
use super::Finding;
use super::cluster::Looked;

const CHECK: &str = "capacity";

/// `stable` is the side that everyone goes back to.
pub(super) fn look(stable: (&str, &Looked), canary: (&str, &Looked)) -> Vec<Finding> {
    vec![of_stable(stable.0, stable.1), of_canary(canary.0, canary.1)]
}

fn of_stable(name: &str, found: &Looked) -> Finding {
    let deployment = match found {
        Err(why) => return Finding::unknown(CHECK, why),
        Ok(None) => return missing(name, "stable"),
        Ok(Some(deployment)) => deployment,
    };
    let (wanted, ready) = (replicas(deployment), available(deployment));
    let says = format!("stable {name} has {ready} of {wanted} pods available");
    match ready {
        0 => Finding::bad(CHECK, format!("{says}: nobody could be sent back there"))
            .mend(format!("kubectl rollout status deployment {name}")),
        _ if ready < wanted => Finding::doubtful(CHECK, format!("{says}: no rise until they are"))
            .mend(format!("kubectl rollout status deployment {name}")),
        _ => Finding::good(CHECK, says),
    }
}

fn of_canary(name: &str, found: &Looked) -> Finding {
    let deployment = match found {
        Err(why) => return Finding::unknown(CHECK, why),
        Ok(None) => return missing(name, "canary"),
        Ok(Some(deployment)) => deployment,
    };
    let (wanted, ready) = (replicas(deployment), available(deployment));
    let says = format!("canary {name} has {ready} of {wanted} pods available");
    if ready < wanted {
        return Finding::doubtful(CHECK, says)
            .mend(format!("kubectl rollout status deployment {name}"));
    }
    Finding::good(CHECK, says)
}

fn missing(name: &str, side: &str) -> Finding {
    Finding::bad(CHECK, format!("there is no Deployment {name}"))
        .mend(format!("make it, or name another one in spec.target.{side}"))
}

#[cfg(test)]
mod tests {
    use kube::api::DynamicObject;
    use serde_json::json;

    use super::super::Outcome::{self, Bad, Doubtful, Good, Unknown};
    use super::*;

    fn pods(wanted: u64, ready: u64) -> Option<DynamicObject> {
        let object = json!({"metadata": {}, "spec": {"replicas": wanted},
            "status": {"availableReplicas": ready}});
        serde_json::from_value(object).unwrap()
    }

    fn found(stable: &Looked, canary: &Looked) -> Vec<Outcome> {
        let findings = look(("web", stable), ("web-canary", canary));
        findings.iter().map(|finding| finding.outcome).collect()
    }

    #[test]
    fn stable_needs_its_pods_and_the_canary_those_that_it_was_given() {
        assert_eq!(found(&Ok(pods(3, 3)), &Ok(pods(0, 0))), [Good, Good]);
        assert_eq!(found(&Ok(pods(3, 2)), &Ok(pods(2, 1))), [Doubtful, Doubtful]);
        assert_eq!(found(&Ok(pods(3, 0)), &Ok(None)), [Bad, Bad]);
        assert_eq!(found(&Ok(None), &Err("no".to_owned())), [Bad, Unknown]);
    }
}
