//! `spec.mirror`.

use serin_document::metrics::{ASSIGNMENTS, RESPONSES, SERVED};
use serin_rollout::Mirror;

use super::plan::WAITS;
use super::{duration_within, from_text};
use crate::gates::{Gate, Kind};
use crate::release::FieldPath;
use crate::release::fault::Faults;
use crate::release::spec::{self, Traffic};

/// Counters of filters, which sit with those who send requests.
const OF_FILTER: [&str; 3] = [ASSIGNMENTS, RESPONSES, SERVED];

/// `traffic` is there with `target` only, `gates` where those of the release can be read; the outer `None`
/// is a fault.
#[expect(clippy::option_option, reason = "a fault and an absent field are two things")]
pub(super) fn read(
    spec: Option<&spec::Mirror>,
    traffic: Option<&Traffic>,
    gates: Option<&[Gate]>,
    at: &FieldPath,
    faults: &mut Faults,
) -> Option<Option<Mirror>> {
    let Some(spec) = spec else { return Some(None) };
    let can = |(kind, _): (serin_routes::Kind, &String)| kind.router().mirrors().is_some();
    if !traffic.is_some_and(|traffic| traffic.routes().any(can)) {
        let rule = "only a VirtualService and an HTTPRoute mirror requests: one of them in \
                    spec.traffic, with spec.target";
        faults.value(at.clone(), "…", rule);
        return None;
    }
    one(spec, gates?, at, faults).map(Some)
}

fn one(spec: &spec::Mirror, gates: &[Gate], at: &FieldPath, faults: &mut Faults) -> Option<Mirror> {
    let share = faults.parse(at.field("share"), &spec.share, from_text);
    if share.is_some_and(serin_assignment::Weight::is_zero) {
        let rule = "a share of requests above 0%, such as 10%";
        faults.value(at.field("share"), &spec.share, rule);
        return None;
    }
    let time = duration_within(&spec.time, at.field("for"), WAITS, faults);
    let at = at.field("gates");
    if spec.gates.is_empty() {
        let rule = "the names of the gates that judge what is mirrored, such as [canary-errors]: \
                    of kind threshold, by what the canary's own side measures";
        faults.missing(at, rule);
        return None;
    }
    let mut judge = true;
    for (index, name) in spec.gates.iter().enumerate() {
        if let Err(why) = judges(gates.iter().find(|gate| gate.name == *name)) {
            faults.value(at.index(index), name, why);
            judge = false;
        }
    }
    let gates = judge.then(|| spec.gates.clone());
    Some(Mirror { share: share?, time: time?, gates: gates? })
}

/// Whether a gate can tell anything of mirrored requests.
fn judges(gate: Option<&Gate>) -> Result<(), &'static str> {
    match gate.map(|gate| &gate.kind) {
        Some(Kind::Threshold(gate)) if OF_FILTER.iter().any(|name| gate.query.mentions(name)) => {
            Err("the filter never sees the answers to mirrored requests: a query for what the \
                 canary's own side measures")
        }
        Some(Kind::Threshold(_)) => Ok(()),
        Some(Kind::Ratio(_)) => {
            Err("users are not split while requests are mirrored, so that it has nothing to \
                 compare: a gate of kind threshold, by what the canary's own side measures")
        }
        None => Err("the name of one of the release's gates, of kind threshold"),
    }
}
