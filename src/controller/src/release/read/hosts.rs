//! Under which names a service of the mesh is called.

use serin_document::{Host, HostPattern, Invalid};

/// Where the services of a cluster are found.
const SERVICES: &str = "svc.cluster.local";

/// The names of one host of a router's object.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Names {
    /// Those that mean it everywhere.
    pub(super) everywhere: Vec<HostPattern>,
    /// The namespace in which its short name means it, and that name.
    pub(super) bare: Option<(String, Host)>,
}

/// A service is called by four names, the shortest of which holds in its own namespace alone; any
/// other host by what it is. A name without a dot is that of a service in `namespace`, which is the
/// object's.
pub(super) fn names(host: &str, namespace: &str) -> Result<Names, Invalid> {
    let Some((service, namespace)) = service(host, namespace) else {
        return Ok(Names { everywhere: vec![HostPattern::new(host)?], bare: None });
    };
    let bare = Host::new(service)?;
    let everywhere = [
        format!("{service}.{namespace}"),
        format!("{service}.{namespace}.svc"),
        format!("{service}.{namespace}.{SERVICES}"),
    ];
    Ok(Names {
        everywhere: everywhere
            .iter()
            .map(|name| HostPattern::new(name))
            .collect::<Result<_, _>>()?,
        bare: Some((namespace.to_owned(), bare)),
    })
}

/// A destination's host in full, as Envoy's clusters have it.
pub(super) fn in_full(host: &str, namespace: &str) -> String {
    if host.contains('.') { host.to_owned() } else { format!("{host}.{namespace}.{SERVICES}") }
}

/// Traefik's name of a Service's port: what separates words there is one `-` (its `Normalize`).
pub(super) fn traefiks(host: &str, namespace: &str, port: u16) -> String {
    let (service, namespace) = service(host, namespace).unwrap_or((host, namespace));
    let name = format!("{namespace}-{service}-{port}");
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    format!("{}@kubernetescrd", words.collect::<Vec<_>>().join("-"))
}

fn service<'a>(host: &'a str, namespace: &'a str) -> Option<(&'a str, &'a str)> {
    if host == "*" {
        return None;
    }
    if !host.contains('.') {
        return Some((host, namespace));
    }
    let (service, namespace) = host.strip_suffix(SERVICES)?.strip_suffix('.')?.split_once('.')?;
    (service != "*" && !namespace.contains('.')).then_some((service, namespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(host: &str) -> (Vec<String>, Option<String>) {
        let Names { everywhere, bare } = names(host, "shop").unwrap();
        let everywhere = everywhere.iter().map(ToString::to_string).collect();
        (everywhere, bare.map(|(namespace, bare)| format!("{namespace}: {bare}")))
    }

    #[test]
    fn a_service_has_four_names_and_the_shortest_is_its_namespaces() {
        let web = ["web.shop", "web.shop.svc", "web.shop.svc.cluster.local"].map(str::to_owned);
        let expected = (web.to_vec(), Some("shop: web".to_owned()));
        assert_eq!(told("web"), expected);
        assert_eq!(told("web.shop.svc.cluster.local"), expected);
        assert_eq!(told("web.other.svc.cluster.local").1, Some("other: web".to_owned()));
    }

    #[test]
    fn any_other_host_is_itself() {
        for host in
            ["*", "*.example.com", "shop.example.com", "web.shop", "*.shop.svc.cluster.local"]
        {
            assert_eq!(told(host), (vec![host.to_owned()], None));
        }
        assert!(names("a b", "shop").is_err());
        assert!(names("*-a.example.com", "shop").is_err());
    }

    #[test]
    fn traefik_names_a_services_port_by_words_with_one_dash_between_them() {
        assert_eq!(traefiks("web-new", "shop", 80), "shop-web-new-80@kubernetescrd");
        assert_eq!(traefiks("web--new", "shop", 80), "shop-web-new-80@kubernetescrd");
        let elsewhere = "web.other.svc.cluster.local";
        assert_eq!(traefiks(elsewhere, "shop", 8080), "other-web-8080@kubernetescrd");
    }

    #[test]
    fn a_destination_without_a_dot_is_in_the_objects_namespace() {
        assert_eq!(in_full("web", "shop"), "web.shop.svc.cluster.local");
        assert_eq!(in_full("web.example.com", "shop"), "web.example.com");
    }
}
