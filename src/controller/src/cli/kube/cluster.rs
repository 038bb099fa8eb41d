//! Asks the API server.

use core::time::Duration;

use anyhow::{Context as _, anyhow};
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::ask::{self, Answer, Given};
use super::{Target, tree};
use crate::cli::{Exit, Failure};
use crate::operator::{COMMAND, canary_release, connect};

/// How long a controller may take to answer a command.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often the answer is looked for.
const LOOK: Duration = Duration::from_millis(300);

/// How often a write that met another one is decided again.
const CONFLICTS: u32 = 5;

/// Which namespaces.
pub(super) enum Reach {
    All,
    /// This one, or the context's.
    Namespace(Option<String>),
}

impl Reach {
    pub(super) fn of(all: bool, target: &Target) -> Self {
        if all { Self::All } else { Self::Namespace(target.namespace.clone()) }
    }
}

pub(super) struct Cluster {
    client: Client,
}

impl Cluster {
    pub(super) async fn connect() -> Result<Self, Failure> {
        let client = connect().await.map_err(|error| Failure::new(Exit::Unreachable, error))?;
        Ok(Self { client })
    }

    pub(super) async fn list(&self, reach: &Reach) -> Result<Vec<DynamicObject>, Failure> {
        let asked = self.api(reach).list(&ListParams::default()).await;
        Ok(asked.map_err(failed)?.items)
    }

    /// The same; none where the API server does not know what a release is.
    pub(super) async fn list_if_defined(
        &self,
        reach: &Reach,
    ) -> Result<Vec<DynamicObject>, Failure> {
        match self.list(reach).await {
            Err(failure) if failure.exit() == Exit::NotFound => Ok(Vec::new()),
            listed => listed,
        }
    }

    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    /// The release of this name, or the only one.
    pub(super) async fn find(
        &self,
        reach: &Reach,
        name: Option<&str>,
    ) -> Result<DynamicObject, Failure> {
        if let Some(name) = name {
            return self.api(reach).get(name).await.map_err(failed);
        }
        let mut objects = self.list(reach).await?;
        let known: Vec<String> = objects.iter().map(tree::key).collect();
        match (objects.pop(), objects.is_empty()) {
            (Some(object), true) => Ok(object),
            (None, _) => {
                let what = anyhow!("there is no release in this namespace: name another one by -n");
                Err(Failure::new(Exit::NotFound, what))
            }
            (Some(_), false) => {
                let what =
                    anyhow!("several releases may be meant: say which of {}", known.join(", "));
                Err(Failure::new(Exit::Usage, what))
            }
        }
    }

    /// Who the API server takes the user for.
    pub(super) async fn whoami(&self) -> Result<String, Failure> {
        let reviews: Api<SelfSubjectReview> = Api::all(self.client.clone());
        let asked = reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await;
        let user = asked.map_err(failed)?.status.and_then(|status| status.user_info);
        let name = user.and_then(|user| user.username);
        Ok(name.context("the API server does not say who you are")?)
    }

    /// Writes the command on the object, unless another one waits for its answer there.
    pub(super) async fn give(&self, object: &DynamicObject, given: &Given) -> Result<(), Failure> {
        let (api, name) = self.place(object);
        let text = serde_json::to_string(given)?;
        for _ in 0..CONFLICTS {
            let object = api.get(&name).await.map_err(failed)?;
            let waiting = |why| Failure::new(Exit::Refused, anyhow!("{why}"));
            given.may_replace(&object).map_err(waiting)?;
            let patch = Patch::Merge(json!({"metadata": {
                "resourceVersion": object.metadata.resource_version,
                "annotations": {COMMAND: text},
            }}));
            match api.patch(&name, &PatchParams::default(), &patch).await {
                Ok(_) => return Ok(()),
                Err(kube::Error::Api(refused)) if refused.code == 409 => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Err(anyhow!("{CONFLICTS} writes in a row met another one").into())
    }

    /// What the controller made of the command; `None` where it does not say in time.
    pub(super) async fn answer(
        &self,
        object: &DynamicObject,
        given: &Given,
    ) -> Result<Option<Answer>, Failure> {
        let (api, name) = self.place(object);
        let until = Instant::now() + PATIENCE;
        loop {
            let object = api.get(&name).await.map_err(failed)?;
            let answer = ask::answer(&object, &given.id);
            if answer.is_some() || Instant::now() >= until {
                return Ok(answer);
            }
            sleep(LOOK).await;
        }
    }

    fn place(&self, object: &DynamicObject) -> (Api<DynamicObject>, String) {
        let api = self.api(&Reach::Namespace(object.metadata.namespace.clone()));
        (api, object.metadata.name.clone().unwrap_or_default())
    }

    pub(super) fn api(&self, reach: &Reach) -> Api<DynamicObject> {
        let (client, resource) = (self.client.clone(), canary_release());
        match reach {
            Reach::All => Api::all_with(client, &resource),
            Reach::Namespace(Some(namespace)) => Api::namespaced_with(client, namespace, &resource),
            Reach::Namespace(None) => Api::default_namespaced_with(client, &resource),
        }
    }
}

fn failed(error: kube::Error) -> Failure {
    match error {
        kube::Error::Api(refused) => {
            let exit = match refused.code {
                404 => Exit::NotFound,
                401 | 403 => Exit::Denied,
                _ => Exit::Failed,
            };
            Failure::new(exit, anyhow!(refused.message))
        }
        error => Failure::new(Exit::Unreachable, anyhow!(error).context("no API server answers")),
    }
}
