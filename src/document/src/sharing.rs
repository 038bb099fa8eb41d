//! When two rollouts may have the same requests: where no user can be in both canaries, and each
//! says by a mark of its own what it decided.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::String;
use alloc::string::ToString as _;

use crate::{CompiledRollout, Fault, HostPattern, PathPrefix};

/// Checks a rollout against an earlier one that has the same host and path.
pub(crate) fn check(
    rollout: &CompiledRollout,
    owner: &CompiledRollout,
    host: &HostPattern,
    prefix: &PathPrefix,
) -> Result<(), Fault> {
    let (own, other) = (rollout.rollout(), owner.rollout());
    let name = owner.name();
    let fault = |field: &str, value: String, rule: &str| {
        Err(Fault::new(
            field,
            &value,
            format_args!("host \"{host}\" with path \"{prefix}\" is {name}'s too, and {rule}"),
        ))
    };
    if own.buckets.is_all() || other.buckets.is_all() {
        return Err(Fault::new(
            "hosts",
            format_args!("\"{host}\" with path \"{prefix}\""),
            format_args!(
                "a host with a path belongs to one rollout, this one to {name}, unless the buckets of both are disjoint"
            ),
        ));
    }
    if !own.buckets.is_disjoint(other.buckets) {
        let rule = format!("the two share buckets: those of {name} are {}", other.buckets);
        return fault("buckets", own.buckets.to_string(), &rule);
    }
    if own.salt != other.salt {
        let rule =
            format!("only under the same salt, \"{}\", do buckets tell users apart", other.salt);
        return fault("salt", format!("\"{}\"", own.salt), &rule);
    }
    if own.identity != other.identity {
        let rule = "only by the same identity do buckets tell users apart";
        return fault("identity", "another list".to_owned(), rule);
    }
    if rollout.mark() == owner.mark() {
        let rule = "each needs a mark of its own";
        return fault("mark", format!("\"{}\"", rollout.mark()), rule);
    }
    match rollout.cohort_header() {
        Some(header) if owner.cohort_header() == Some(header) => {
            let rule = "each needs a cohort header of its own";
            fault("cohortHeader", format!("\"{header}\""), rule)
        }
        _ => Ok(()),
    }
}
