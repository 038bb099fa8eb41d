//! Ingress-nginx's own admission, which the API server asks before it takes an Ingress of one namespace.
//!
//! Its checks and its reading of the annotations are real, over its own store of what the API server has;
//! there is no nginx, so that nothing is said of the file that it would be given, and no request is sent.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::ByteString;
use serde::Deserialize;
use serde_json::{Value, json};
use serin_tests::process::Process;
use serin_tests::scratch::Scratch;
use serin_tests::{http, ports};

use crate::certificates::Pair;
use crate::namespace::Namespace;

/// It lists what there is first, and the API server learns of it meanwhile.
const LIMIT: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(100);
/// Where its chart has the API server ask it.
const PATH: &str = "/networking/v1/ingresses";
/// An Ingress that is written nowhere, by which is seen whether the API server asks.
const PROBE: &str = "probe";

/// The class whose Ingresses it checks; it lets all others pass.
pub const CLASS: &str = "nginx";

/// The admission. Ends with the value: what the API server asks after that, it is refused.
#[derive(Debug)]
pub struct IngressNginx {
    reviews: u16,
    _process: Process,
}

/// What it made of an Ingress that was to be written.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Review {
    /// The Ingress.
    pub name: String,
    /// Why it was refused, where it was.
    #[serde(default)]
    pub refused: Option<String>,
    /// How its annotations are read, where they can be.
    #[serde(default)]
    pub canary: Option<Canary>,
    /// What the balancer would be given, of all Ingresses together.
    pub backends: Vec<Backend>,
}

/// The canary that annotations make of an Ingress.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Canary {
    /// Without it, the Ingress is an ordinary one.
    pub enabled: bool,
    /// The share, in parts of the total.
    pub weight: u32,
    /// The total.
    pub weight_total: u32,
}

/// A Service, as the balancer has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Backend {
    /// `<namespace>-<service>-<port>`.
    pub name: String,
    /// The backends that get a share of its requests.
    pub alternatives: Vec<String>,
    /// The share that this one gets of another's, in parts of the total.
    pub weight: u32,
    /// The total.
    pub weight_total: u32,
}

impl IngressNginx {
    /// Starts it, and has the API server ask it about each Ingress of the namespace before it is written.
    ///
    /// # Errors
    /// Where it does not start or is not asked in time; with the end of its log.
    pub async fn start(namespace: &Namespace) -> Result<Self> {
        let kubectl = namespace.kubectl();
        let class = json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "IngressClass",
            "metadata": {"name": CLASS},
            "spec": {"controller": "k8s.io/ingress-nginx"},
        });
        // By the server, for several tests may do it at once.
        let apply = ["apply", "--server-side", "--filename", "-"];
        kubectl.run_with(&apply, &class.to_string()).await?;
        let (asked, reviews) = (ports::free()?, ports::free()?);
        let scratch = Scratch::named(&namespace.folder()?.join("ingress-nginx"))?;
        let pair = Pair::make(&["127.0.0.1"])?;
        let file = |name: &str, text: &str| {
            let path = scratch.write(name, text)?;
            anyhow::Ok(path.to_string_lossy().into_owned())
        };
        let parts = &namespace.access.parts;
        let args = [
            format!("--namespace={}", namespace.name()),
            format!("--listen=127.0.0.1:{asked}"),
            format!("--reviews=127.0.0.1:{reviews}"),
            format!("--certificate={}", file("server.pem", &pair.server)?),
            format!("--key={}", file("server-key.pem", &pair.key)?),
            format!("--template={}", parts.nginx_template.display()),
            format!("--scratch={}", scratch.path().display()),
        ];
        let kubeconfig = kubectl.kubeconfig().to_string_lossy().into_owned();
        let env = [("KUBECONFIG", kubeconfig.as_str())];
        let program = &parts.ingress_nginx_admission;
        let folder = namespace.folder()?;
        let mut process = Process::start_with("ingress-nginx", program, args, &env, &folder)?;
        let ready = || async move {
            http::get(reviews, "/healthz").await.is_ok_and(|answer| answer.status == 200)
        };
        process.ready(LIMIT, ready).await?;
        namespace.apply(&webhook(namespace.name(), asked, pair.authority)?.to_string()).await?;
        let admission = Self { reviews, _process: process };
        admission.until_asked(namespace).await?;
        Ok(admission)
    }

    /// Waits until the API server asks: it takes a while to learn that it has to.
    async fn until_asked(&self, namespace: &Namespace) -> Result<()> {
        let probe = json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": PROBE},
            "spec": {
                "ingressClassName": CLASS,
                "defaultBackend": {"service": {"name": PROBE, "port": {"number": 80}}},
            },
        })
        .to_string();
        let create = ["create", "--dry-run=server", "--filename", "-"];
        let start = Instant::now();
        loop {
            // The first ones may come before it listens.
            let tried = namespace.kubectl().run_with(&create, &probe).await;
            if !self.reviews(PROBE).await?.is_empty() {
                return tried.map(drop).context("of an Ingress that nothing is wrong with");
            }
            ensure!(start.elapsed() < LIMIT, "not asked after {LIMIT:?}: {tried:?}");
            tokio::time::sleep(POLL).await;
        }
    }

    /// What it made of an Ingress at each write so far, the first one first.
    ///
    /// # Errors
    /// Where it does not answer.
    pub async fn reviews(&self, ingress: &str) -> Result<Vec<Review>> {
        let all: Vec<Review> = http::get(self.reviews, "/reviews").await?.json()?;
        Ok(all.into_iter().filter(|review| review.name == ingress).collect())
    }
}

/// Has the API server ask at this port about the namespace's Ingresses, as ingress-nginx's chart does, and
/// refuse them where nobody answers.
fn webhook(namespace: &str, port: u16, authority: String) -> Result<Value> {
    let authority = serde_json::to_value(ByteString(authority.into_bytes()))?;
    Ok(json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": format!("ingress-nginx-{namespace}")},
        "webhooks": [{
            "name": "validate.nginx.ingress.kubernetes.io",
            "clientConfig": {
                "url": format!("https://127.0.0.1:{port}{PATH}"),
                "caBundle": authority,
            },
            "namespaceSelector": {
                "matchLabels": {"kubernetes.io/metadata.name": namespace},
            },
            "rules": [{
                "apiGroups": ["networking.k8s.io"],
                "apiVersions": ["v1"],
                "operations": ["CREATE", "UPDATE"],
                "resources": ["ingresses"],
            }],
            "matchPolicy": "Equivalent",
            "failurePolicy": "Fail",
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }],
    }))
}
