//! The document as plain JSON, and whose requests its rollouts take.

use serde_json::Value;

use crate::written::{cohort, mark};
use crate::{Proxy, Request};

/// A list of a rollout or a plugin; an absent one is empty.
pub(crate) fn list<'a>(object: &'a Value, field: &str) -> &'a [Value] {
    object.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A text; an absent one is `default`.
pub(crate) fn text<'a>(object: &'a Value, field: &str, default: &'a str) -> &'a str {
    object.get(field).and_then(Value::as_str).unwrap_or(default)
}

/// A percentage in basis points.
pub(crate) fn basis_points(weight: &str) -> u32 {
    let digits = weight.trim_end_matches('%');
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    format!("{whole}{decimals:0<2}").parse().unwrap_or_default()
}

/// The hosts of a rollout for proxies of a namespace.
fn hosts(rollout: &Value, namespace: Option<&str>) -> Vec<String> {
    let bare = rollout.get("bareHosts").zip(namespace).map(|(bare, name)| list(bare, name));
    let all = list(rollout, "hosts").iter().chain(bare.unwrap_or_default());
    all.filter_map(|host| Some(host.as_str()?.to_ascii_lowercase())).collect()
}

/// The path prefixes without a slash at their end, so that `/` is empty.
fn paths(rollout: &Value) -> Vec<String> {
    let paths = list(rollout, "paths").iter().filter_map(Value::as_str);
    let paths: Vec<String> = paths.map(|path| path.trim_end_matches('/').to_owned()).collect();
    if paths.is_empty() { vec![String::new()] } else { paths }
}

/// A rollout's buckets: from the first number up to the second.
pub(crate) fn buckets(rollout: &Value) -> (u64, u64) {
    let ends = list(rollout, "buckets").iter().filter_map(Value::as_str);
    let ends: Vec<u64> = ends.map(|end| u64::from(basis_points(end))).collect();
    match ends.as_slice() {
        [from, to] => (*from, *to),
        _ => (0, 10_000),
    }
}

/// The rollouts in force: one that claims a host and prefix which an earlier one has is left out,
/// unless the two may share it.
pub(crate) fn in_force<'a>(document: &'a Value, proxy: &Proxy) -> Vec<&'a Value> {
    let namespace = proxy.namespace.as_deref();
    let mut kept: Vec<&Value> = Vec::new();
    for rollout in list(document, "rollouts") {
        let taken = kept.iter().any(|earlier| {
            let same_host = hosts(rollout, namespace)
                .iter()
                .any(|host| hosts(earlier, namespace).contains(host));
            let same_path = paths(rollout).iter().any(|path| paths(earlier).contains(path));
            same_host && same_path && !may_share(rollout, earlier, proxy)
        });
        if !taken {
            kept.push(rollout);
        }
    }
    kept
}

/// Nobody can be in both canaries, and each says by headers of its own what it decided.
fn may_share(one: &Value, other: &Value, proxy: &Proxy) -> bool {
    let (buckets, others) = (buckets(one), buckets(other));
    let disjoint = buckets.1 <= others.0 || others.1 <= buckets.0;
    let same_users =
        one.get("salt") == other.get("salt") && list(one, "identity") == list(other, "identity");
    let own_headers = mark(one, proxy) != mark(other, proxy)
        && (cohort(one).is_none() || cohort(one) != cohort(other));
    disjoint && same_users && own_headers
}

/// The rollouts of a request: by the exact host, else the longest wildcard; then by the longest
/// path prefix.
pub(crate) fn find<'a>(
    rollouts: &[&'a Value],
    namespace: Option<&str>,
    request: &Request,
) -> Vec<&'a Value> {
    let (host, path) = (request.host(), request.path());
    let all_hosts = rollouts.iter().flat_map(|rollout| hosts(rollout, namespace));
    let Some(best_host) = all_hosts.filter_map(|pattern| rank(&pattern, &host)).max() else {
        return Vec::new();
    };
    let of_host: Vec<(&Value, String)> = rollouts
        .iter()
        .filter(|rollout| {
            hosts(rollout, namespace).iter().any(|pattern| rank(pattern, &host) == Some(best_host))
        })
        .flat_map(|rollout| paths(rollout).into_iter().map(move |prefix| (*rollout, prefix)))
        .filter(|(_, prefix)| is_below(&path, prefix))
        .collect();
    let longest = of_host.iter().map(|(_, prefix)| prefix.len()).max();
    let best = rollouts.iter().filter(|rollout| {
        of_host
            .iter()
            .any(|(other, prefix)| std::ptr::eq(**rollout, *other) && Some(prefix.len()) == longest)
    });
    best.copied().collect()
}

/// How closely a pattern names a host; none where it doesn't.
fn rank(pattern: &str, host: &[u8]) -> Option<usize> {
    match pattern.strip_prefix('*') {
        None => (pattern.as_bytes() == host).then_some(usize::MAX),
        Some("") => Some(0),
        // `.example.com`, with at least one character before it.
        Some(suffix) => {
            (host.len() > suffix.len() && host.ends_with(suffix.as_bytes())).then_some(suffix.len())
        }
    }
}

/// Whether a path is the prefix or goes on below it.
fn is_below(path: &[u8], prefix: &str) -> bool {
    match path.strip_prefix(prefix.as_bytes()) {
        Some(rest) => rest.first() == Some(&b'/') || (rest.is_empty() && !prefix.is_empty()),
        None => false,
    }
}
