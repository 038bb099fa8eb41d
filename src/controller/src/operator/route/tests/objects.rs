//! Objects as people write them, with nobody on the canary, and with numbers that no reader into 64
//! bits can keep.

use serde_json::{Value, json};
use serin_routes::{Destination, Entries, Kind, Reference};

/// As they stand in the text of an object.
pub(super) const NUMBERS: &str =
    "[1.0,1e3,0.10,94.52706955539223,18446744073709551616,-0,1.000000000000000000001]";
/// What stands for them until the object is text.
const PLACE: &str = "@numbers@";
/// A double that who does not take care reads as its neighbour.
const DOUBLE: f64 = 94.527_069_555_392_23;

pub(super) struct Sample {
    pub(super) text: String,
    pub(super) reference: Reference,
}

impl Sample {
    pub(super) fn of(kind: Kind) -> Self {
        let entries = if kind.has_entries() { Entries::default() } else { Entries::Whole };
        let service =
            |host: &str| Destination { host: host.to_owned(), subset: None, port: Some(80) };
        let reference = Reference {
            entries,
            mark: "x-serin-variant".to_owned(),
            stable: service("web"),
            canary: service("web-canary"),
        };
        let mut object = json!({
            "apiVersion": "x/v1",
            "kind": kind.to_string(),
            "metadata": {
                "annotations": annotations(kind),
                "name": "web",
                "namespace": "shop",
                "x-new": PLACE,
            },
            "spec": spec(kind),
        });
        object["spec"]["x-new"] = json!([PLACE, {"deep": PLACE}]);
        let text = object.to_string().replace(&format!("\"{PLACE}\""), NUMBERS);
        Self { text, reference }
    }
}

/// The canary's Ingress has its weights there.
fn annotations(kind: Kind) -> Value {
    if kind != Kind::Ingress {
        return json!({});
    }
    json!({
        "nginx.ingress.kubernetes.io/canary": "true",
        "nginx.ingress.kubernetes.io/canary-weight": "0",
    })
}

fn spec(kind: Kind) -> Value {
    const ENTRIES: [(&str, Option<&str>); 3] = [
        (Entries::CANARY, Some("canary")),
        (Entries::STABLE, Some("stable")),
        (Entries::REST, None),
    ];
    let services = || {
        let to = |name: &str, weight: u32| json!({"name": name, "port": 80, "weight": weight});
        json!([to("web", 100), to("web-canary", 0)])
    };
    match kind {
        Kind::VirtualService => {
            let to =
                |host: &str, weight: u32| json!({"destination": {"host": host}, "weight": weight});
            let entry = |(name, mark): (&str, Option<&str>)| {
                let by = |mark: &str| json!([{"headers": {"x-serin-variant": {"exact": mark}}}]);
                let route = [to("web", 100), to("web-canary", 0)];
                json!({"name": name, "match": mark.map_or_else(|| json!([]), by), "route": route})
            };
            json!({"hosts": ["web"], "http": ENTRIES.map(entry)})
        }
        Kind::HttpRoute => {
            let rule = |(name, mark): (&str, Option<&str>)| {
                let by = |mark: &str| json!([{"name": "x-serin-variant", "value": mark}]);
                let matches = json!([{"headers": mark.map_or_else(|| json!([]), by)}]);
                json!({"name": name, "matches": matches, "backendRefs": services()})
            };
            json!({"rules": ENTRIES.map(rule)})
        }
        Kind::TraefikService => json!({"weighted": {"services": services()}}),
        Kind::Ingress => {
            let service = json!({"service": {"name": "web-canary", "port": {"number": 80}}});
            let path = json!({"path": "/", "pathType": "Prefix", "backend": service});
            json!({"rules": [{"host": "web", "http": {"paths": [path]}}]})
        }
    }
}

/// Has the entry for requests without a mark copy some of them elsewhere.
pub(super) fn mirror(kind: Kind, object: &mut Value) {
    if kind == Kind::VirtualService {
        let entry = &mut object["spec"]["http"][2];
        entry["mirror"] = json!({"host": "recorder", "x-new": DOUBLE});
        entry["mirrorPercentage"] = json!({"value": DOUBLE});
    } else {
        let backend = json!({"name": "recorder", "port": 80, "x-new": DOUBLE});
        object["spec"]["rules"][2]["filters"] = json!([
            {"type": "ResponseHeaderModifier", "x-new": DOUBLE},
            {"type": "RequestMirror", "requestMirror": {"backendRef": backend}},
        ]);
    }
}
