//! Proxies that have sent everyone to stable by themselves.
//!
//! A trip is a proxy's own emergency brake, and no verdict on the version: what the proxies count
//! together is judged as ever, and rolls back or does not. But while one has tripped, users are on
//! other sides there than the weight says, so nothing rises, and the step is under observation anew
//! once no proxy has. And since stable serves everyone there, it stays as it is: it is neither brought
//! to the new version nor, where the roles are swapped, taken its replicas from.

use crate::decide::Pass;
use crate::{Alert, Phase, Reason, State, Trips};

/// Why nothing rises, where a proxy has tripped. Metrics that do not answer take no trip back.
pub(crate) fn tripped(pass: Pass<'_>, state: &State) -> Option<(Reason, String)> {
    let why = match pass.seen.trips {
        Trips::None { .. } => return None,
        Trips::Tripped { tripped, watching } => {
            format!("{tripped} of {watching} proxies have tripped: everyone is on stable there")
        }
        Trips::Unknown => {
            state.alerts.contains(&Alert::Tripped).then_some(())?;
            "a proxy had tripped, and nobody can tell whether it still has".to_owned()
        }
    };
    Some((Reason::Tripped, why))
}

/// Why the side that served before the swap of the roles keeps its replicas. What is given up there
/// is not there any more when it is needed, so that metrics which do not answer hold it too.
pub(crate) fn keeps_stable(pass: Pass<'_>, state: &State) -> Option<(Reason, String)> {
    tripped(pass, state).or_else(|| {
        let why = "nobody can tell whether a proxy has tripped";
        (pass.seen.trips == Trips::Unknown).then(|| (Reason::Tripped, why.to_owned()))
    })
}

/// Whether the alert stands: where the trips matter, from the first one to the last.
pub(crate) fn alerts(pass: Pass<'_>, state: &State) -> bool {
    let matters = match state.phase {
        Phase::Pending | Phase::Progressing => true,
        // Who goes back to what stable ran, or has it serve already, waits for no proxy.
        Phase::Promoting => !state.restoring && (state.traffic.canary_serves || state.gives_way()),
        Phase::Succeeded | Phase::RollingBack | Phase::RolledBack => false,
    };
    matters && tripped(pass, state).is_some()
}
