//! `serin kube`, or `kubectl serin` where the program is called `kubectl-serin`: the releases of a
//! cluster by the API server alone, with the rights of who asks.

mod ask;
mod check;
mod cluster;
mod explain;
mod shown;
mod tree;
mod watch;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use anyhow::anyhow;
use kube::api::DynamicObject;

use super::{Exit, Failure, block_on, print};
use ask::{Answer, Given};
use cluster::{Cluster, Reach};

/// The name by which kubectl finds its plugin.
const PLUGIN: &str = "kubectl-serin";

/// What is asked of objects. All else that a plugin is called with is a command as ever.
const OF_OBJECTS: [&str; 10] = [
    "get", "status", "explain", "approve", "pause", "resume", "abort", "retry", "promote", "check",
];

/// What of `explain` only a controller knows, or names one to ask.
const OF_CONTROLLER: [&str; 2] = ["--intervals", "--server"];

/// Look at the releases of a Kubernetes cluster, and give them commands.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Show releases as trees, with weights and gates.
    Get(Get),
    /// Show one release with its last decisions.
    Status(Target),
    /// Say why each decision of a release was taken, as far back as the object has it.
    Explain(explain::Args),
    /// Agree to the end of a step that waits for a person, or of a promotion.
    Approve(Target),
    /// Stop rises; harm still rolls back.
    Pause(Target),
    /// End a pause.
    Resume(Target),
    /// Send everyone back to stable at once.
    Abort(Target),
    /// Start again from the first step after a rollback.
    Retry(Target),
    /// Agree to go on, as `approve` does.
    Promote(Promote),
    /// Look at an installation and say what to mend.
    Check(check::Check),
}

#[derive(Debug, clap::Args)]
struct Get {
    #[command(flatten)]
    target: Target,
    /// The releases of all namespaces.
    #[arg(long, short = 'A', conflicts_with_all = ["namespace", "release"])]
    all_namespaces: bool,
    /// Go on until interrupted: redrawn on a terminal, else again with each change.
    #[arg(long, short)]
    watch: bool,
}

#[derive(Debug, clap::Args)]
struct Promote {
    #[command(flatten)]
    target: Target,
    /// Take the present step for done, whatever is left of its time.
    #[arg(long)]
    skip_step: bool,
}

#[derive(Debug, clap::Args)]
struct Target {
    /// The release; may be left out where the namespace has only one.
    #[arg(value_name = "NAME")]
    release: Option<String>,
    /// Its namespace [default: that of the kubeconfig's context]
    #[arg(long, short, value_name = "NAMESPACE")]
    namespace: Option<String>,
}

/// The arguments that the command line is read from: as a plugin of kubectl the program is asked
/// for objects without `kube`.
pub(super) fn arguments(given: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = given.into_iter().collect();
    let is_plugin = arguments
        .first()
        .is_some_and(|program| Path::new(program).file_name().is_some_and(|name| name == PLUGIN));
    let text = |argument: &OsString| argument.to_str().map(str::to_owned).unwrap_or_default();
    let what = arguments.get(1).map(text).unwrap_or_default();
    let further = |means: fn(&str) -> bool| arguments.iter().skip(2).any(|it| means(&text(it)));
    let of_no_object = match what.as_str() {
        "check" => further(names_file),
        "explain" => further(is_of_controller),
        what => !OF_OBJECTS.contains(&what),
    };
    if is_plugin && !of_no_object {
        arguments.insert(1, "kube".into());
    }
    arguments
}

/// Whether an argument of `kubectl serin check` is a release file, not a release: files have an
/// ending or stand in a folder.
fn names_file(argument: &str) -> bool {
    let endings = ["yaml", "yml", "json"];
    let ending = Path::new(argument).extension().and_then(|ending| ending.to_str());
    argument.contains('/') && !argument.contains("://")
        || ending.is_some_and(|ending| endings.contains(&ending))
}

/// Whether an argument of `kubectl serin explain` asks a controller, not an object.
fn is_of_controller(argument: &str) -> bool {
    let option = argument.split_once('=').map_or(argument, |(option, _)| option);
    OF_CONTROLLER.contains(&option)
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    block_on(async {
        match &args.what {
            What::Get(get) => show(get).await,
            What::Status(target) => status(target).await,
            What::Explain(args) => explain::run(args).await,
            What::Approve(target) | What::Promote(Promote { target, skip_step: false }) => {
                command(target, "approve").await
            }
            What::Pause(target) => command(target, "pause").await,
            What::Resume(target) => command(target, "resume").await,
            What::Abort(target) => command(target, "abort").await,
            What::Retry(target) => command(target, "retry").await,
            What::Promote(Promote { target, skip_step: true }) => command(target, "skipStep").await,
            What::Check(args) => check::run(args).await,
        }
    })?
}

async fn show(get: &Get) -> Result<Exit, Failure> {
    let cluster = Cluster::connect().await?;
    let reach = Reach::of(get.all_namespaces, &get.target);
    let name = get.target.release.as_deref();
    let objects = match name {
        Some(_) => vec![cluster.find(&reach, name).await?],
        None => cluster.list(&reach).await?,
    };
    if get.watch {
        watch::run(&cluster, &reach, name).await?;
    } else {
        print(&text(objects.iter()))?;
    }
    Ok(Exit::Ok)
}

/// The releases in the order of their names.
fn text<'a>(objects: impl Iterator<Item = &'a DynamicObject>) -> String {
    let trees: BTreeMap<String, String> =
        objects.map(|object| (tree::key(object), tree::of(object))).collect();
    if trees.is_empty() {
        return "no releases\n".to_owned();
    }
    trees.into_values().collect::<Vec<_>>().join("\n")
}

async fn status(target: &Target) -> Result<Exit, Failure> {
    let cluster = Cluster::connect().await?;
    let object = find(&cluster, target).await?;
    print(&format!("{}{}", tree::of(&object), tree::decisions(&object)))?;
    Ok(Exit::Ok)
}

async fn command(target: &Target, command: &'static str) -> Result<Exit, Failure> {
    let cluster = Cluster::connect().await?;
    let object = find(&cluster, target).await?;
    let given = Given::new(command, cluster.whoami().await?)?;
    cluster.give(&object, &given).await?;
    let Some(Answer { done, message }) = cluster.answer(&object, &given).await? else {
        let what = "the command stands on the object, but no controller has answered yet";
        return Err(Failure::new(Exit::Unreachable, anyhow!(what)));
    };
    if !done {
        return Err(Failure::new(Exit::Refused, anyhow!(message)));
    }
    print(&format!("{}: {message}\n", tree::key(&object)))?;
    Ok(Exit::Ok)
}

async fn find(cluster: &Cluster, target: &Target) -> Result<DynamicObject, Failure> {
    let reach = Reach::Namespace(target.namespace.clone());
    cluster.find(&reach, target.release.as_deref()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(given: &[&str]) -> Vec<String> {
        let given = given.iter().map(OsString::from);
        arguments(given).into_iter().map(|text| text.into_string().unwrap()).collect()
    }

    #[test]
    fn a_plugin_of_kubectl_is_asked_for_objects() {
        let plugin = "/usr/local/bin/kubectl-serin";
        assert_eq!(read(&[plugin, "get", "-A"]), [plugin, "kube", "get", "-A"]);
        assert_eq!(read(&[plugin, "abort", "web"]), [plugin, "kube", "abort", "web"]);
        assert_eq!(read(&[plugin, "check"]), [plugin, "kube", "check"]);
        assert_eq!(read(&[plugin, "explain", "web"]), [plugin, "kube", "explain", "web"]);
        assert_eq!(read(&[plugin, "check", "web", "-A"]), [plugin, "kube", "check", "web", "-A"]);
        // What asks no cluster is there as well.
        assert_eq!(read(&[plugin, "check", "web.yaml"]), [plugin, "check", "web.yaml"]);
        for asked in ["--server", "--server=http://localhost:7316", "--intervals"] {
            assert_eq!(read(&[plugin, "explain", asked]), [plugin, "explain", asked]);
        }
        assert_eq!(read(&["serin", "status"]), ["serin", "status"]);
        assert_eq!(read(&["serin", "explain"]), ["serin", "explain"]);
        assert_eq!(read(&[plugin]), [plugin]);
    }

    #[test]
    fn every_command_of_objects_is_known_by_name() {
        use clap::Subcommand as _;
        let command = What::augment_subcommands(clap::Command::new("kube"));
        let mut names: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        let mut expected = OF_OBJECTS.to_vec();
        names.sort_unstable();
        expected.sort_unstable();
        assert_eq!(names, expected);
    }
}
