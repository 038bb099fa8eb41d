//! The table of layers, and the check of a workspace's dependencies against it.

use super::Package;

/// What a crate may depend on that is not of this workspace.
#[derive(Clone, Copy)]
enum External {
    /// Computation only; its sources are checked for input and output too.
    Pure,
    /// The card of the design names the crates that get into every proxy.
    Only(&'static [&'static str]),
    Anything,
}

struct Rule {
    member: &'static str,
    /// A member may depend on the members of strictly lower layers.
    layer: u8,
    external: External,
}

const fn rule(member: &'static str, layer: u8, external: External) -> Rule {
    Rule { member, layer, external }
}

const TABLE: [Rule; 13] = [
    rule("serin-assignment", 0, External::Pure),
    // Below all that it is compared with, so that it can take nothing from there.
    rule("serin-oracle", 0, External::Anything),
    rule("serin-document", 1, External::Pure),
    rule("serin-rollout", 1, External::Pure),
    rule("serin-routes", 1, External::Pure),
    rule("serin-judge", 1, External::Pure),
    rule("serin-filter", 2, External::Only(IN_THE_PROXY)),
    rule("serin-module", 3, External::Only(&["talc"])),
    rule("serin-controller", 2, External::Anything),
    rule("serin-tests", 3, External::Anything),
    // Built on the processes and loads of the tests without a cluster.
    rule("serin-cluster", 4, External::Anything),
    rule("serin-bench-modules", 3, External::Anything),
    rule("serin-xtask", 3, External::Anything),
];

/// Where the table is, for messages.
const TABLE_FILE: &str = "src/xtask/src/layers/rules.rs";

/// The three of tokens (`base64ct`, `hmac`, `sha2`) compare in constant time and have no tables that
/// a key could be read from by timing.
const COMPUTATION: &[&str] = &["base64ct", "hmac", "serde", "serde_json", "sha2", "thiserror"];

const IN_THE_PROXY: &[&str] = &["hashbrown"];

fn rule_for(member: &str) -> Option<&'static Rule> {
    TABLE.iter().find(|rule| rule.member == member)
}

/// Whether the crate's sources must be free of input and output.
pub(super) fn is_pure(member: &str) -> bool {
    rule_for(member).is_some_and(|rule| matches!(rule.external, External::Pure))
}

/// One line for each dependency that breaks a rule. Dev-dependencies are free: tests may use
/// what the crate itself may not.
pub(super) fn check(packages: &[Package]) -> Vec<String> {
    let mut faults = Vec::new();
    for package in packages {
        let name = &package.name;
        let Some(rule) = rule_for(name) else {
            faults.push(format!("{name} is in no layer: add it to the table in {TABLE_FILE}"));
            continue;
        };
        let counted = package.dependencies.iter().filter(|d| d.kind.as_deref() != Some("dev"));
        for dependency in counted.map(|dependency| dependency.name.as_str()) {
            let is_member = packages.iter().any(|package| package.name == dependency);
            faults.extend(if is_member {
                check_member(rule, dependency)
            } else {
                check_external(rule, dependency)
            });
        }
    }
    faults
}

fn check_member(rule: &Rule, dependency: &str) -> Option<String> {
    // A member that is not in the table has its own fault already.
    let below = rule_for(dependency)?;
    (below.layer >= rule.layer).then(|| {
        format!(
            "{} (layer {}) depends on {dependency} (layer {}): only lower layers are allowed",
            rule.member, rule.layer, below.layer
        )
    })
}

fn check_external(rule: &Rule, dependency: &str) -> Option<String> {
    let allowed = match rule.external {
        External::Anything => return None,
        External::Pure => COMPUTATION,
        External::Only(allowed) => allowed,
    };
    (!allowed.contains(&dependency)).then(|| {
        format!("{} depends on {dependency}: allowed are {}", rule.member, allowed.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::super::Dependency;
    use super::*;

    fn package(name: &str, dependencies: &[(&str, Option<&str>)]) -> Package {
        let dependencies = dependencies
            .iter()
            .map(|(name, kind)| Dependency {
                name: (*name).to_owned(),
                kind: kind.map(str::to_owned),
            })
            .collect();
        Package { name: name.to_owned(), manifest_path: "Cargo.toml".into(), dependencies }
    }

    fn faults_with(package_under_test: Package) -> Vec<String> {
        let mut packages: Vec<Package> = TABLE
            .iter()
            .filter(|rule| rule.member != package_under_test.name)
            .map(|rule| package(rule.member, &[]))
            .collect();
        packages.push(package_under_test);
        check(&packages)
    }

    #[test]
    fn a_dependency_on_a_lower_layer_is_fine() {
        let document = package("serin-document", &[("serin-assignment", None), ("serde", None)]);
        assert_eq!(faults_with(document), [""; 0]);
    }

    #[test]
    fn a_dependency_on_a_higher_layer_is_a_fault() {
        let faults = faults_with(package("serin-assignment", &[("serin-document", None)]));
        assert!(faults.concat().contains("serin-assignment (layer 0)"), "{faults:?}");
    }

    #[test]
    fn a_dependency_within_a_layer_is_a_fault() {
        let faults = faults_with(package("serin-document", &[("serin-rollout", None)]));
        assert_eq!(faults.len(), 1);
    }

    #[test]
    fn a_build_dependency_counts() {
        let faults = faults_with(package("serin-filter", &[("serin-controller", Some("build"))]));
        assert_eq!(faults.len(), 1);
    }

    #[test]
    fn a_dev_dependency_is_free() {
        let dev = Some("dev");
        let rollout = package("serin-rollout", &[("tokio", dev), ("serin-controller", dev)]);
        assert_eq!(faults_with(rollout), [""; 0]);
    }

    #[test]
    fn a_pure_crate_may_not_have_a_runtime() {
        let faults = faults_with(package("serin-rollout", &[("tokio", None)]));
        assert!(faults.concat().contains("depends on tokio"), "{faults:?}");
    }

    #[test]
    fn the_filter_and_a_pure_crate_take_what_their_rules_name() {
        assert_eq!(faults_with(package("serin-filter", &[("hashbrown", None)])), [""; 0]);
        assert_eq!(faults_with(package("serin-document", &[("log", None)])).len(), 1);
        assert_eq!(faults_with(package("serin-filter", &[("regex", None)])).len(), 1);
    }

    #[test]
    fn an_unknown_member_names_the_table() {
        let faults = faults_with(package("serin-new", &[]));
        assert!(faults.concat().contains(TABLE_FILE), "{faults:?}");
    }
}
