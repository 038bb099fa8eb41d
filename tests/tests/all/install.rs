//! `istio/` without a cluster: what is applied is whole, allows what it says and no more, and its
//! examples are ones that Serin takes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use serin_tests::controller::{Controller, Options};
use serin_tests::rights::{AT_HOME, EVERYWHERE};
use serin_tests::scratch::Scratch;
use serin_tests::{artifacts, http, manifests, ports};

/// Merged into an installation of Istio, or applied to one: none of them is the controller's.
const FOR_THE_MESH: [&str; 2] = ["mesh-config.yaml", "telemetry.yaml"];

const EXAMPLE: &str = "examples/shop";

#[test]
fn every_manifest_is_an_object_with_a_name() -> Result<()> {
    let mut objects = BTreeSet::new();
    for (file, documents) in manifests::all()? {
        for object in documents {
            let kind = object["kind"].as_str().unwrap_or_default().to_owned();
            if object.get("meshConfig").is_some()
                || ["Kustomization", "Component"].contains(&&*kind)
            {
                continue;
            }
            ensure!(object["apiVersion"].is_string() && !kind.is_empty(), "{}", file.display());
            let name = object["metadata"]["name"].as_str();
            let name =
                name.with_context(|| format!("{}: {kind} without a name", file.display()))?;
            let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
            let id = format!("{kind} {namespace}/{name}");
            ensure!(objects.insert(id.clone()), "{}: a second {id}", file.display());
        }
    }
    ensure!(objects.len() >= 20, "{objects:?}");
    Ok(())
}

#[test]
fn a_kustomization_names_every_file_beside_it() -> Result<()> {
    let all = manifests::all()?;
    let mut folders = 0;
    for (file, documents) in &all {
        if !file.ends_with("kustomization.yaml") {
            continue;
        }
        let folder = file.parent().context("no folder")?;
        let listed = documents[0]["resources"].as_array();
        let listed: BTreeSet<PathBuf> = listed
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(|name| folder.join(name))
            .collect();
        let beside = all.keys().filter(|other| other.parent() == Some(folder) && *other != file);
        let beside: BTreeSet<PathBuf> = beside
            .filter(|other| !FOR_THE_MESH.iter().any(|name| other.as_path() == Path::new(name)))
            .cloned()
            .collect();
        ensure!(listed == beside, "{}: {listed:?}, not {beside:?}", file.display());
        folders += 1;
    }
    ensure!(folders == 5, "{folders} folders");
    Ok(())
}

#[test]
fn the_controller_may_do_what_it_needs_and_nothing_else() -> Result<()> {
    for (kind, allowed) in [("ClusterRole", &EVERYWHERE[..]), ("Role", &AT_HOME[..])] {
        let role = manifests::object("rbac.yaml", kind, "serin-controller")?;
        ensure!(!role.to_string().contains('*'), "{role}");
        let mut found: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        for rule in role["rules"].as_array().context("no rules")? {
            for (group, resource) in pairs(rule)? {
                found.entry((group, resource)).or_default().extend(texts(&rule["verbs"])?);
            }
        }
        let expected = allowed.iter().map(|(group, resource, verbs)| {
            let verbs = verbs.iter().map(|verb| (*verb).to_owned()).collect();
            (((*group).to_owned(), (*resource).to_owned()), verbs)
        });
        ensure!(found == expected.collect(), "{found:?}");
    }
    Ok(())
}

#[test]
fn the_roles_are_bound_to_the_account_that_runs_the_controller() -> Result<()> {
    let deployment = deployment()?;
    let pod = &deployment["spec"]["template"]["spec"];
    for kind in ["ClusterRole", "Role"] {
        let binding =
            manifests::object("rbac.yaml", &format!("{kind}Binding"), "serin-controller")?;
        ensure!(binding["roleRef"]["kind"] == kind);
        ensure!(binding["roleRef"]["name"] == "serin-controller");
        let account = json!([{
            "kind": "ServiceAccount", "name": pod["serviceAccountName"], "namespace": "serin-system",
        }]);
        ensure!(binding["subjects"] == account, "{}", binding["subjects"]);
    }
    let kustomization = &manifests::documents("kustomization.yaml")?[0];
    ensure!(kustomization["namespace"] == "serin-system");
    Ok(())
}

#[test]
fn whatever_selects_the_controller_selects_its_pods() -> Result<()> {
    let deployment = deployment()?;
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    let wanted = [
        ("deployment.yaml", "Deployment", "/spec/selector/matchLabels"),
        ("service.yaml", "Service", "/spec/selector"),
        ("pdb.yaml", "PodDisruptionBudget", "/spec/selector/matchLabels"),
        ("networkpolicy.yaml", "NetworkPolicy", "/spec/podSelector/matchLabels"),
    ];
    for (file, kind, path) in wanted {
        let selector = manifests::object(file, kind, "serin")?.pointer(path).cloned();
        ensure!(selector.as_ref() == Some(labels), "{file}: {selector:?}, not {labels}");
    }
    // The monitor selects the Service, and its port by name.
    let file = "components/service-monitor/service-monitor.yaml";
    let monitor = manifests::object(file, "ServiceMonitor", "serin")?;
    let service = manifests::object("service.yaml", "Service", "serin")?;
    ensure!(monitor["spec"]["selector"]["matchLabels"] == service["metadata"]["labels"]);
    ensure!(monitor["spec"]["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]);
    ensure!(
        service["spec"]["ports"][0]["targetPort"] == container(&deployment)["ports"][0]["name"]
    );
    Ok(())
}

#[test]
fn who_is_told_is_read_from_a_secret_that_the_component_mounts() -> Result<()> {
    let component = &manifests::documents("components/notifications/kustomization.yaml")?[0];
    let patch = component["patches"][0]["patch"].as_str().context("no patch")?;
    let patch: Vec<Value> = serde_saphyr::from_str(patch)?;
    let mut deployment = deployment()?;
    for operation in &patch {
        let at = operation["path"].as_str().context("no path")?;
        let list = at.strip_suffix("/-").context("only lists are added to")?;
        let list = deployment.pointer_mut(list).and_then(Value::as_array_mut);
        list.with_context(|| format!("no list at {at}"))?.push(operation["value"].clone());
    }
    let container = container(&deployment);
    let args = texts(&container["args"])?;
    let file = args.iter().skip_while(|arg| *arg != "--receivers").nth(1).context("no file")?;
    let last = |list: &Value| list.as_array().and_then(|list| list.last()).cloned();
    let mount = last(&container["volumeMounts"]).context("no mount")?;
    let volume = last(&deployment["spec"]["template"]["spec"]["volumes"]).context("no volume")?;
    ensure!(mount["name"] == volume["name"], "{mount} of {volume}");
    ensure!(Path::new(file).parent() == mount["mountPath"].as_str().map(Path::new), "{file}");
    ensure!(volume["secret"]["secretName"] == "serin-receivers", "{volume}");
    Ok(())
}

#[tokio::test]
async fn the_paths_of_the_probes_and_of_the_monitor_are_served() -> Result<()> {
    let scratch = Scratch::new()?;
    let release = artifacts::root()?.join("tests/shop/release.yaml");
    let text = std::fs::read_to_string(release)?;
    let text = text
        .replace("{{version}}", "v1")
        .replace("{{prometheus}}", "http://127.0.0.1:1")
        .replace("{{steps}}", "[{weight: 5%, bake: 1m}]");
    let releases = vec![scratch.write("release.yaml", text)?];
    let options = Options {
        releases,
        port: ports::free()?,
        state: scratch.folder("state")?,
        receivers: None,
    };
    let _controller = Controller::start(&options, &scratch).await?;
    let deployment = deployment()?;
    let file = "components/service-monitor/service-monitor.yaml";
    let monitor = manifests::object(file, "ServiceMonitor", "serin")?;
    for (path, answers) in [
        (&container(&deployment)["livenessProbe"]["httpGet"]["path"], [200, 200]),
        // Whether it is ready is for other tests.
        (&container(&deployment)["readinessProbe"]["httpGet"]["path"], [200, 503]),
        (&monitor["spec"]["endpoints"][0]["path"], [200, 200]),
    ] {
        let path = path.as_str().context("no path")?;
        let answer = http::get(options.port, path).await?;
        ensure!(answers.contains(&answer.status), "{path}: {}", answer.status);
    }
    Ok(())
}

#[test]
fn the_example_routes_in_the_order_that_marks_need() -> Result<()> {
    let route = manifests::object(&example("routes.yaml"), "VirtualService", "web")?;
    let entries = route["spec"]["http"].as_array().context("no entries")?;
    let names: Vec<&Value> = entries.iter().map(|entry| &entry["name"]).collect();
    ensure!(names == ["serin-canary", "serin-stable", "serin-rest"], "{names:?}");
    for (entry, mark) in entries.iter().zip([Some("canary"), Some("stable"), None]) {
        let wanted = mark.map(|mark| json!([{"headers": {"x-serin-variant": {"exact": mark}}}]));
        ensure!(entry.get("match") == wanted.as_ref(), "{entry}");
        let route = entry["route"].as_array().context("no route")?;
        let weights = route.iter().map(|side| (&side["destination"]["subset"], &side["weight"]));
        // Before the first rollout nobody is on the canary.
        let expected = [(&json!("stable"), &json!(100)), (&json!("canary"), &json!(0))];
        ensure!(weights.eq(expected), "{entry}");
    }
    Ok(())
}

#[test]
fn the_release_of_the_example_is_one_of_its_objects() -> Result<()> {
    let file = artifacts::root()?.join("istio").join(example("release.yaml"));
    let said = Command::new(artifacts::serin()?).arg("check").arg(file).output()?;
    ensure!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let release = manifests::object(&example("release.yaml"), "CanaryRelease", "web")?;
    let (namespace, spec) = (&release["metadata"]["namespace"], &release["spec"]);
    for side in ["stable", "canary"] {
        let name = spec["target"][side].as_str().context("no target")?;
        let workload = manifests::object(&example("workloads.yaml"), "Deployment", name)?;
        ensure!(workload["metadata"]["namespace"] == *namespace);
        // Its pods are those of the subset that is named for it.
        let rule = manifests::object(&example("routes.yaml"), "DestinationRule", "web")?;
        let mut subsets = rule["spec"]["subsets"].as_array().context("no subsets")?.iter();
        let subset = subsets.find(|subset| subset["name"] == spec["traffic"][side]["subset"]);
        let labels = &workload["spec"]["template"]["metadata"]["labels"];
        let wanted = &subset.context("no such subset")?["labels"];
        ensure!(labels["version"] == wanted["version"], "{labels}");
    }
    let plugin = spec["assignment"]["plugin"]["name"].as_str().context("no plugin")?;
    let plugin = manifests::object(&example("plugins.yaml"), "WasmPlugin", plugin)?;
    let expected = &spec["assignment"]["plugin"]["namespace"];
    ensure!(plugin["metadata"]["namespace"] == *expected, "{plugin}");
    Ok(())
}

/// A filter without any configuration answers 500, and Istio hands none over that is empty.
#[test]
fn the_plugins_of_the_example_are_configured_from_the_start() -> Result<()> {
    let scratch = Scratch::new()?;
    let mut polling = 0;
    for plugin in manifests::documents(&example("plugins.yaml"))? {
        let config = &plugin["spec"]["pluginConfig"];
        ensure!(config.as_object().is_some_and(|fields| !fields.is_empty()), "{plugin}");
        ensure!(plugin["spec"]["failStrategy"] == "FAIL_OPEN", "{plugin}");
        if config.get("source").is_some() {
            let file = scratch.write("plugin.json", config.to_string())?;
            let said = Command::new(artifacts::serin()?).arg("check").arg(file).output()?;
            ensure!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
            let service = manifests::object("service.yaml", "Service", "serin")?;
            let port = &service["spec"]["ports"][0]["port"];
            let cluster = format!("outbound|{port}||serin.serin-system.svc.cluster.local");
            ensure!(config["source"]["cluster"] == cluster, "{config}");
            polling += 1;
        }
    }
    ensure!(polling == 1, "{polling}");
    Ok(())
}

fn example(file: &str) -> String {
    format!("{EXAMPLE}/{file}")
}

fn deployment() -> Result<Value> {
    manifests::object("deployment.yaml", "Deployment", "serin")
}

fn container(deployment: &Value) -> &Value {
    at(deployment, "/spec/template/spec/containers/0")
}

fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

/// The groups and resources of a rule, each with each.
fn pairs(rule: &Value) -> Result<Vec<(String, String)>> {
    let resources = texts(at(rule, "/resources"))?;
    let groups = texts(at(rule, "/apiGroups"))?.into_iter();
    Ok(groups
        .flat_map(|group| resources.iter().map(move |resource| (group.clone(), resource.clone())))
        .collect())
}

fn texts(list: &Value) -> Result<Vec<String>> {
    let list = list.as_array().with_context(|| format!("{list} is no list"))?;
    Ok(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}
