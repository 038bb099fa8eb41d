//! Destinations that name a service of the cluster.

use serde_json::Value;

use crate::Destination;

/// Below which name the services of a cluster are found.
const SERVICES: &str = "svc.cluster.local";

/// Whether `one` (`name`, `namespace`, `port`) is the destination. A service goes by its own name
/// where it is in the object's namespace, and by its names with a namespace everywhere; a name that
/// is no service's is what it is. A port only has to fit where both name one.
pub(crate) fn is(one: &Value, destination: &Destination, namespace: Option<&str>) -> bool {
    let Destination { host, subset, port } = destination;
    let text = |field: &str| one.get(field).and_then(Value::as_str);
    let Some(name) = text("name") else { return false };
    let home = text("namespace").or(namespace);
    let is_home = home.is_none() || home == namespace;
    let named = (is_home && host == name)
        || home.is_some_and(|home| {
            let short = format!("{name}.{home}");
            [format!("{short}.svc"), format!("{short}.{SERVICES}"), short].contains(host)
        });
    let port_there = one.get("port").and_then(Value::as_u64);
    named
        && subset.is_none()
        && port_there.zip(*port).is_none_or(|(there, named)| there == u64::from(named))
}

/// A destination as a release names it.
pub(crate) fn told(one: &Value) -> Destination {
    let text = |field: &str| one.get(field).and_then(Value::as_str);
    let name = text("name").unwrap_or("without name");
    Destination {
        host: text("namespace")
            .map_or_else(|| name.to_owned(), |home| format!("{name}.{home}.{SERVICES}")),
        subset: None,
        port: one.get("port").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok()),
    }
}
