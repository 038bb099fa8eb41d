//! Whether browsers send a cookie of ours to the rollout that sets it.

use alloc::format;

use super::IdentitySource;
use super::generated::GeneratedId;
use crate::{Fault, HostPattern, Rollout};

/// Checks that the cookie of new ids comes back: a browser drops one for another domain, and keeps
/// one for another path to itself, so that each request would be a new visitor's.
pub(crate) fn check(rollout: &Rollout) -> Result<(), Fault> {
    let Some(IdentitySource::Generated(own)) = rollout.identity.last() else { return Ok(()) };
    let at = format!("identity[{}].generated", rollout.identity.len() - 1);
    domain(own, rollout).and_then(|()| path(own, rollout)).map_err(|fault| fault.below(at))
}

fn domain(own: &GeneratedId, rollout: &Rollout) -> Result<(), Fault> {
    let Some(domain) = own.attributes().domain.as_ref().map(super::generated::CookieDomain::as_str)
    else {
        return Ok(());
    };
    let is_within = |host: &str| {
        host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let outside = rollout.hosts.iter().find(|pattern| match pattern {
        HostPattern::Exact(host) | HostPattern::Below(host) => !is_within(host.as_str()),
        HostPattern::Any => false,
    });
    match outside {
        None => Ok(()),
        Some(host) => {
            let rule = format!(
                "browsers take the cookie from hosts within its domain only, and {host} is none; without a domain it is each host's own"
            );
            Err(Fault::new("domain", format_args!("\"{domain}\""), rule))
        }
    }
}

fn path(own: &GeneratedId, rollout: &Rollout) -> Result<(), Fault> {
    let path = own.attributes().path.as_str();
    let is_within = |prefix: &str| {
        prefix
            .strip_prefix(path)
            .is_some_and(|rest| rest.is_empty() || path.ends_with('/') || rest.starts_with('/'))
    };
    match rollout.paths.iter().find(|prefix| !is_within(prefix.as_str())) {
        None => Ok(()),
        Some(prefix) => {
            let rule = format!(
                "browsers send the cookie below its path only, and the rollout's \"{prefix}\" is not"
            );
            Err(Fault::new("path", format_args!("\"{path}\""), rule))
        }
    }
}
