//! Asks the API server and Prometheus, and gives what comes to the looks.

use futures_util::future::join_all;
use jiff::Timestamp;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use kube::api::{ApiResource, DynamicObject, ListParams, PostParams};
use kube::{Api, Client};
use serde_json::Value;
use serin_rollout::Side;
use serin_routes::Kind;

use super::super::client::answer;
use super::super::kinds::{self, Key, at};
use super::super::{leader, resolve, routes};
use super::rights::Right;
use super::{
    Finding, Section, controller, definition, ingress, mirror, plugin, proxies, release, rights,
    route, workloads,
};
use crate::metrics::MetricsSettings;
use crate::observe;
use crate::prometheus::Address;
use crate::release::{Kubernetes, Release, RouteRef};
use crate::status::kubernetes::ObjectStatus;

/// An object, none, or why nobody knows.
pub(super) type Looked = Result<Option<DynamicObject>, String>;
/// All objects of a kind in a namespace, or why nobody knows.
pub(super) type LookedAtAll = Result<Vec<DynamicObject>, String>;

/// What is looked at.
#[derive(Debug)]
pub(crate) struct Asked {
    /// These releases.
    pub(crate) releases: Vec<DynamicObject>,
    /// Where the controller runs.
    pub(crate) controller_namespace: String,
    /// Where Prometheus is reached from here, if not at the releases' own address.
    pub(crate) prometheus: Option<Address>,
}

/// Looks at the cluster, then at each release.
pub(crate) async fn installation(client: &Client, asked: &Asked) -> Vec<Section> {
    let mut sections = vec![cluster(client, &asked.controller_namespace).await];
    for object in &asked.releases {
        sections.push(one(client, object, asked.prometheus.as_ref()).await);
    }
    sections
}

async fn cluster(client: &Client, home: &str) -> Section {
    let definitions: Api<DynamicObject> = Api::all_with(client.clone(), &kinds::definition());
    let definition_name = definition::name();
    let (definition, deployment, lease, rights) = tokio::join!(
        get(&definitions, &definition_name),
        fetch(client, home, kinds::deployment(), controller::NAME),
        fetch(client, home, kinds::lease(), leader::NAME),
        allowed(client, home),
    );
    let mut findings = vec![definition::look(&definition)];
    findings.extend(controller::look(home, &deployment, &lease, Timestamp::now()));
    findings.push(match rights {
        Ok(answers) => rights::look(home, &answers),
        Err(why) => Finding::unknown("rights", why),
    });
    Section { about: "installation".to_owned(), findings }
}

/// What the API server says of each right that the controller's account needs.
async fn allowed(
    client: &Client,
    home: &str,
) -> Result<Vec<(Right, Result<bool, String>)>, String> {
    let reviews: Api<SubjectAccessReview> = Api::all(client.clone());
    let ask = |right: Right| {
        let reviews = &reviews;
        async move {
            let options = PostParams::default();
            let answered = answer(reviews.create(&options, &review(&right, home))).await;
            (right, answered.map(|review| review.status.is_some_and(|status| status.allowed)))
        }
    };
    Ok(join_all(super::rights::needed()?.into_iter().map(ask)).await)
}

fn review(right: &Right, home: &str) -> SubjectAccessReview {
    let Right { group, resource, subresource, verb, name, at_home } = right.clone();
    SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some(rights::account(home)),
            groups: Some(vec![
                "system:serviceaccounts".to_owned(),
                format!("system:serviceaccounts:{home}"),
                "system:authenticated".to_owned(),
            ]),
            resource_attributes: Some(ResourceAttributes {
                group: Some(group),
                resource: Some(resource),
                subresource,
                verb: Some(verb),
                name,
                namespace: at_home.then(|| home.to_owned()),
                ..ResourceAttributes::default()
            }),
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    }
}

async fn one(client: &Client, object: &DynamicObject, prometheus: Option<&Address>) -> Section {
    let key = Key::of(object);
    let status = object
        .data
        .get("status")
        .cloned()
        .map_or_else(|| Ok(ObjectStatus::default()), serde_json::from_value::<ObjectStatus>);
    let findings = match status {
        Ok(status) => {
            let mut findings = release::look(object, &status);
            findings.extend(parts(client, object, &status, prometheus).await);
            findings
        }
        Err(error) => {
            vec![Finding::unknown("release", format!("its status cannot be read: {error}"))]
        }
    };
    Section { about: key.to_string(), findings }
}

/// Everything that a release names.
async fn parts(
    client: &Client,
    object: &DynamicObject,
    status: &ObjectStatus,
    prometheus: Option<&Address>,
) -> Vec<Finding> {
    let key = Key::of(object);
    let named = |path: &[&str]| at(object, path).and_then(Value::as_str).unwrap_or_default();
    let serving = resolve::shown_serving(object);
    let [first, second] = ["stable", "canary"].map(|side| named(&["spec", "target", side]));
    let (stable_name, canary_name) = match serving {
        Side::First => (first, second),
        Side::Second => (second, first),
    };
    let named_route = kinds::route_of(object);
    let namespace = key.namespace.as_str();
    let in_namespace = |kind, name| fetch(client, namespace, kind, name);
    let (route, stable, canary) = tokio::join!(
        async {
            match &named_route {
                Some(route) => in_namespace(kinds::route(route.kind), &route.name).await,
                None => Ok(None),
            }
        },
        in_namespace(kinds::deployment(), stable_name),
        in_namespace(kinds::deployment(), canary_name),
    );
    let mut findings = workloads::look((stable_name, &stable), (canary_name, &canary));
    let (Some(named_route), Ok(Some(route)), Ok(Some(canary))) = (&named_route, &route, &canary)
    else {
        if !matches!(route, Ok(Some(_))) {
            findings.push(no_route(client, namespace, named_route.as_ref(), &route).await);
        }
        return findings;
    };
    let release = match resolve::read(object, (named_route.kind, route), canary, serving) {
        Ok(release) => release,
        Err(why) => {
            findings.push(Finding::bad("release", format!("it cannot be run: {why}")));
            return findings;
        }
    };
    let Some(kubernetes) = &release.kubernetes else { return findings };
    let json = serde_json::to_value(route).unwrap_or_default();
    findings.push(route::look(named_route, &kubernetes.reference, &json, status));
    findings.extend(of_mirrors(client, &release, kubernetes, &json, status).await);
    match named_route.kind {
        Kind::VirtualService => {
            let rules = list(client, namespace, &kinds::destination_rule()).await;
            findings.extend(route::subsets(&kubernetes.reference, &rules));
        }
        Kind::Ingress => {
            let all = list(client, namespace, &kinds::route(Kind::Ingress)).await;
            findings.extend(ingress::look(route, &all));
        }
        Kind::HttpRoute | Kind::TraefikService => {}
    }
    findings.push(of_plugin(client, &release, kubernetes, status).await);
    findings.extend(of_proxies(&release, status, prometheus).await);
    findings
}

async fn no_route(
    client: &Client,
    namespace: &str,
    named: Option<&RouteRef>,
    found: &Looked,
) -> Finding {
    let Some(route) = named else { return route::missing(named, found, &Ok(true), false) };
    let served = routes::is_served(client, route.kind).await;
    let of_linkerd = route.kind == Kind::HttpRoute
        && matches!(
            fetch(client, namespace, kinds::linkerds_own_route(), &route.name).await,
            Ok(Some(_))
        );
    route::missing(named, found, &served, of_linkerd)
}

async fn of_mirrors(
    client: &Client,
    release: &Release,
    kubernetes: &Kubernetes,
    object: &Value,
    status: &ObjectStatus,
) -> Vec<Finding> {
    let kind = kubernetes.route.kind;
    // What is wrong with the object is the route's finding.
    let found = kind.router().mirrors().map(|it| it.read(object, &kubernetes.reference));
    let Some(Ok(found)) = found else { return Vec::new() };
    let asked = release.plan.mirror.is_some();
    let mut findings = Vec::new();
    if asked && kind == Kind::HttpRoute {
        let definitions: Api<DynamicObject> = Api::all_with(client.clone(), &kinds::definition());
        findings.extend(mirror::shares(&get(&definitions, &kinds::definition_of(kind)).await));
    }
    findings.extend(mirror::look(&kubernetes.route, &found, asked, status));
    findings
}

async fn of_plugin(
    client: &Client,
    release: &Release,
    kubernetes: &Kubernetes,
    status: &ObjectStatus,
) -> Finding {
    let named = kubernetes.plugin.as_ref();
    let (found, home) = match named {
        None => (Ok(None), Ok(None)),
        Some(named) => {
            let namespaces: Api<DynamicObject> = Api::all_with(client.clone(), &kinds::namespace());
            tokio::join!(
                fetch(client, &named.namespace, kinds::wasm_plugin(), &named.name),
                get(&namespaces, &named.namespace),
            )
        }
    };
    plugin::look((release.key(), &release.namespace), named, (&found, &home), status)
}

async fn of_proxies(
    release: &Release,
    status: &ObjectStatus,
    prometheus: Option<&Address>,
) -> Vec<Finding> {
    let MetricsSettings::Prometheus(mut settings) = release.metrics.clone() else {
        let says = "the controller reads the proxies' own pages: see the release's conditions";
        return vec![Finding::unknown("proxies", says)];
    };
    if let Some(address) = prometheus {
        settings.address = address.clone();
    }
    let address = settings.address.clone();
    let drawn = release.kubernetes.as_ref().is_some_and(Kubernetes::draws);
    let (shown, placed) =
        match observe::survey(MetricsSettings::Prometheus(settings), release).await {
            Ok((shown, placed)) => (Ok(shown), placed),
            Err(why) => (Err(format!("Prometheus at {address}: {why}")), None),
        };
    proxies::look(&shown, placed, drawn, status)
}

async fn fetch(client: &Client, namespace: &str, kind: ApiResource, name: &str) -> Looked {
    get(&kinds::within(client, namespace, &kind), name).await
}

/// A kind that the API server does not know has no object either.
async fn get(api: &Api<DynamicObject>, name: &str) -> Looked {
    if name.is_empty() { Ok(None) } else { answer(api.get_opt(name)).await }
}

async fn list(client: &Client, namespace: &str, kind: &ApiResource) -> LookedAtAll {
    let api = kinds::within(client, namespace, kind);
    answer(api.list(&ListParams::default())).await.map(|list| list.items)
}
