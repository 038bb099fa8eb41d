//! The document as plain JSON, and whose requests its rollouts take.

use serde_json::Value;

use crate::Request;

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

/// The rollouts in force: one that claims a host and prefix which an earlier one has is left out.
pub(crate) fn in_force<'a>(document: &'a Value, namespace: Option<&str>) -> Vec<&'a Value> {
    let mut kept: Vec<&Value> = Vec::new();
    for rollout in list(document, "rollouts") {
        let taken = kept.iter().any(|earlier| {
            let same_host = hosts(rollout, namespace)
                .iter()
                .any(|host| hosts(earlier, namespace).contains(host));
            let same_path = paths(rollout).iter().any(|path| paths(earlier).contains(path));
            same_host && same_path
        });
        if !taken {
            kept.push(rollout);
        }
    }
    kept
}

/// The rollout of a request: by the exact host, else the longest wildcard; then by the longest
/// path prefix.
pub(crate) fn find<'a>(
    rollouts: &[&'a Value],
    namespace: Option<&str>,
    request: &Request,
) -> Option<&'a Value> {
    let (host, path) = (request.host(), request.path());
    let pairs = rollouts.iter().flat_map(|rollout| {
        let paths = paths(rollout);
        hosts(rollout, namespace)
            .into_iter()
            .flat_map(move |host| paths.clone().into_iter().map(move |path| (host.clone(), path)))
            .map(|(host, path)| (*rollout, host, path))
    });
    let of_host: Vec<_> =
        pairs.filter_map(|pair| Some((rank(&pair.1, &host)?, pair.0, pair.2))).collect();
    let best_host = of_host.iter().map(|(rank, ..)| *rank).max()?;
    of_host
        .into_iter()
        .filter(|(rank, _, prefix)| *rank == best_host && is_below(&path, prefix))
        .max_by_key(|(_, _, prefix)| prefix.len())
        .map(|(_, rollout, _)| rollout)
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
