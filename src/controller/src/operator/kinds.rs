//! The kinds of objects that the controller reads and writes. They are handled as JSON: what passes
//! through a typed struct loses the fields that the struct does not know.

use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client};
use serde_json::Value;
use serin_routes::{Kind, ObjectApi};

use crate::release::RouteRef;

/// A kind and where its API lives.
fn resource(group: &str, version: &str, kind: &str, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
}

pub(crate) fn canary_release() -> ApiResource {
    resource("serin.dev", "v1alpha1", "CanaryRelease", "canaryreleases")
}

/// The kind of a router's objects.
pub(super) fn route(kind: Kind) -> ApiResource {
    let ObjectApi { group, version, kind, plural } = kind.router().api();
    resource(group, version, kind, plural)
}

/// What is told of a kind that the cluster has no definition of.
pub(super) fn not_served(kind: Kind) -> String {
    let ObjectApi { group, version, .. } = kind.router().api();
    format!("this cluster has no {kind} of {group}/{version}: its definition is not installed")
}

/// The name of a kind's definition in the cluster, where it has one.
pub(super) fn definition_of(kind: Kind) -> String {
    let ObjectApi { group, plural, .. } = kind.router().api();
    format!("{plural}.{group}")
}

/// Linkerd's own, from before it took Gateway API's. Its rules have no names, by which a release could
/// tell them.
pub(super) fn linkerds_own_route() -> ApiResource {
    resource("policy.linkerd.io", "v1beta3", "HTTPRoute", "httproutes")
}

pub(super) fn wasm_plugin() -> ApiResource {
    resource("extensions.istio.io", "v1alpha1", "WasmPlugin", "wasmplugins")
}

pub(super) fn deployment() -> ApiResource {
    resource("apps", "v1", "Deployment", "deployments")
}

pub(super) fn autoscaler() -> ApiResource {
    resource("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
}

pub(super) fn namespace() -> ApiResource {
    resource("", "v1", "Namespace", "namespaces")
}

pub(super) fn definition() -> ApiResource {
    resource("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions")
}

pub(super) fn destination_rule() -> ApiResource {
    resource("networking.istio.io", "v1", "DestinationRule", "destinationrules")
}

pub(super) fn lease() -> ApiResource {
    resource("coordination.k8s.io", "v1", "Lease", "leases")
}

/// The objects of a kind in one namespace.
pub(super) fn within(
    client: &Client,
    namespace: &str,
    resource: &ApiResource,
) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, resource)
}

/// Which namespaces a controller looks after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    All,
    /// This one.
    Namespace(String),
}

impl Scope {
    /// The objects of a kind in these namespaces.
    pub(super) fn api(&self, client: &Client, resource: &ApiResource) -> Api<DynamicObject> {
        match self {
            Self::All => Api::all_with(client.clone(), resource),
            Self::Namespace(namespace) => within(client, namespace, resource),
        }
    }
}

/// Names an object of a known kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) namespace: String,
    pub(super) name: String,
}

impl Key {
    pub(super) fn of(object: &DynamicObject) -> Self {
        Self {
            namespace: object.metadata.namespace.clone().unwrap_or_default(),
            name: object.metadata.name.clone().unwrap_or_default(),
        }
    }
}

impl core::fmt::Display for Key {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// What stands at a path of names in an object's data.
pub(super) fn at<'a>(object: &'a DynamicObject, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(&object.data, |value, name| value.get(name))
}

/// A whole number at a path of names.
pub(super) fn count(object: &DynamicObject, path: &[&str]) -> Option<u64> {
    at(object, path).and_then(Value::as_u64)
}

/// A field of the condition of this type, where the object has one.
pub(super) fn condition<'a>(object: &'a DynamicObject, kind: &str, field: &str) -> Option<&'a str> {
    let conditions = at(object, &["status", "conditions"])?.as_array()?;
    let named = |it: &&Value| it.get("type").and_then(Value::as_str) == Some(kind);
    conditions.iter().find(named)?.get(field)?.as_str()
}

/// The value of an annotation.
pub(crate) fn annotation<'a>(object: &'a DynamicObject, name: &str) -> Option<&'a str> {
    object.metadata.annotations.as_ref()?.get(name).map(String::as_str)
}

/// The route that a release's object names, whatever else is wrong with it.
pub(super) fn route_of(object: &DynamicObject) -> Option<RouteRef> {
    Kind::ALL.into_iter().find_map(|kind| {
        let name = at(object, &["spec", "traffic", RouteRef::field(kind)])?.as_str()?;
        Some(RouteRef { kind, name: name.to_owned() })
    })
}

/// The object's generation: it rises with every change of what is asked for.
pub(super) fn generation(object: &DynamicObject) -> u64 {
    object.metadata.generation.and_then(|generation| u64::try_from(generation).ok()).unwrap_or(0)
}
