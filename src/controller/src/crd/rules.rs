//! What holds between fields, in the server's language for it, CEL. The texts are those of the
//! reader.

use serde_json::{Value, json};

use super::{Misplaced, at};

/// What must hold between fields.
struct Rule {
    /// Where it stands.
    at: &'static str,
    /// The field below it that is at fault where it does not hold; the place itself where that
    /// cannot be said.
    field: Option<&'static str>,
    holds: &'static str,
    message: &'static str,
}

const fn rule(
    at: &'static str,
    field: Option<&'static str>,
    holds: &'static str,
    message: &'static str,
) -> Rule {
    Rule { at, field, holds, message }
}

const RULES: [Rule; 26] = [
    rule(
        "",
        // A definition does not describe `metadata`, so that nothing within can be named.
        None,
        "self.metadata.name.size() <= 63 && !self.metadata.name.contains('.')",
        "metadata.name: a name is 1 to 63 lower-case letters, digits and '-', such as shop",
    ),
    rule("", Some(".spec.target"), UNDER_WAY_TARGET, FROZEN),
    rule("", Some(".spec.traffic"), UNDER_WAY_TRAFFIC, FROZEN),
    rule(
        "spec",
        Some(".target"),
        "has(self.target)",
        "missing: the Deployments of the two sides, such as {stable: web, canary: web-canary}",
    ),
    rule(
        "spec",
        Some(".onSuccess"),
        "!has(self.onSuccess) || self.onSuccess != 'keep' || self.steps.size() == 0 || \
         self.steps[self.steps.size() - 1].weight.matches('^100([.]0{1,2})?%$')",
        "with `keep` the last step has 100%: the canary's Deployment serves everyone after it",
    ),
    rule(
        "spec",
        Some(".mirror"),
        "!has(self.mirror) || has(self.traffic.virtualService) || has(self.traffic.httpRoute)",
        "only a VirtualService and an HTTPRoute mirror requests",
    ),
    rule(
        "spec.target",
        Some(".canary"),
        "self.stable != self.canary",
        "the canary's Deployment is another one than stable's",
    ),
    rule(
        "spec.traffic",
        Some(".virtualService"),
        "has(self.virtualService) || has(self.httpRoute) || has(self.traefikService) || \
         has(self.ingress)",
        "missing: the name of the object whose weights are moved, such as web; or one as httpRoute, \
         traefikService or ingress",
    ),
    rule(
        "spec.traffic",
        None,
        "[has(self.virtualService), has(self.httpRoute), has(self.traefikService), \
         has(self.ingress)].filter(named, named).size() < 2",
        "one object whose weights are moved: virtualService, httpRoute, traefikService or ingress",
    ),
    rule(
        "spec.traffic",
        Some(".file"),
        "!has(self.file)",
        "only `serin run` keeps a proxy's file and runs its command",
    ),
    rule(
        "spec.traffic",
        Some(".hosts"),
        "!has(self.hosts) || has(self.traefikService)",
        "they are those of the object whose weights are moved",
    ),
    rule(
        "spec.traffic",
        Some(".hosts"),
        "has(self.hosts) || !has(self.traefikService)",
        "missing: a release takes at least one host, such as shop.example.com or *",
    ),
    rule(
        "spec.traffic",
        Some(".entries"),
        "!has(self.entries) || has(self.virtualService) || has(self.httpRoute)",
        "only a VirtualService and an HTTPRoute have entries",
    ),
    rule(
        "spec.traffic.entries",
        Some(".only"),
        "!has(self.only) || !(has(self.canary) || has(self.stable) || has(self.rest))",
        "the one entry that takes all requests, in place of the other three",
    ),
    rule(
        "spec.traffic",
        Some(".stable.subset"),
        "!has(self.stable.subset) || has(self.virtualService)",
        NO_SUBSET,
    ),
    rule(
        "spec.traffic",
        Some(".canary.subset"),
        "!has(self.canary.subset) || has(self.virtualService)",
        NO_SUBSET,
    ),
    rule(
        "spec.traffic",
        Some(".canary"),
        "!has(self.stable.host) || !has(self.canary.host) || self.stable.host != self.canary.host \
         || (has(self.stable.subset) ? self.stable.subset : '') != (has(self.canary.subset) ? \
         self.canary.subset : '')",
        "the canary's destination is another one than stable's",
    ),
    rule("spec.traffic.stable", Some(".host"), "has(self.host)", NO_HOST),
    rule("spec.traffic.canary", Some(".host"), "has(self.host)", NO_HOST),
    rule("spec.traffic.stable", Some(".port"), "has(self.port) || has(self.cluster)", NO_PORT),
    rule("spec.traffic.canary", Some(".port"), "has(self.port) || has(self.cluster)", NO_PORT),
    rule(
        "spec.metrics",
        None,
        "has(self.prometheus) != has(self.targets)",
        "where metrics come from: either prometheus, or targets, the pages of the proxies \
         themselves",
    ),
    rule(
        "spec.steps[].weight",
        None,
        r"self.matches('^(100([.]0{1,2})?|[0-9]{1,2}([.][0-9]{1,2})?)%$')",
        "a weight is a percentage from 0% to 100% with at most two decimals, such as 5% or 0.25%",
    ),
    rule("spec.steps", None, RISING, "weights are above 0% and rise from step to step"),
    rule(
        "spec.steps[]",
        Some(".bake"),
        "has(self.bake) != has(self.detect)",
        "a step lasts for a `bake` time such as 10m, or until it can `detect` a ratio such as 2x",
    ),
    rule(
        "spec.steps[]",
        Some(".atMost"),
        "has(self.detect) == has(self.atMost)",
        "a step with `detect`, and no other, has a longest time, such as 2h",
    ),
];

const NO_HOST: &str = "missing: the destination's host, as the VirtualService spells it, or the service, \
                       such as web";
const NO_SUBSET: &str = "subsets are those of a VirtualService";
const NO_PORT: &str = "missing: the service's port, such as 80, which is a part of the name of \
                       Envoy's cluster; or that name as `cluster`";
const FROZEN: &str = "frozen while a rollout is under way: it may change once the rollout has \
                      succeeded or is rolled back (`serin abort`)";

/// The first weight is above 0 and each is above the one before. A list is in order where sorting
/// would not change it, which does not rule out that two are the same. What is no weight has its own
/// rule.
const RISING: &str = "!self.all(s, s.weight.matches('^[0-9]{1,3}([.][0-9]+)?%$')) || (self.map(s, \
                      double(s.weight.replace('%', ''))).isSorted() && self.all(s, \
                      double(s.weight.replace('%', '')) > 0.0 && self.exists_one(t, \
                      double(t.weight.replace('%', '')) == double(s.weight.replace('%', '')))))";

/// The route and the Deployments that a rollout has begun with are those that it goes back to.
const UNDER_WAY_TARGET: &str = "!has(oldSelf.status) || !has(oldSelf.status.phase) || \
                                !(oldSelf.status.phase in ['Progressing', 'Promoting', \
                                'RollingBack']) || (has(self.spec.target) == \
                                has(oldSelf.spec.target) && (!has(self.spec.target) || \
                                self.spec.target == oldSelf.spec.target))";
const UNDER_WAY_TRAFFIC: &str = "!has(oldSelf.status) || !has(oldSelf.status.phase) || \
                                 !(oldSelf.status.phase in ['Progressing', 'Promoting', \
                                 'RollingBack']) || self.spec.traffic == oldSelf.spec.traffic";

pub(super) fn add(schema: &mut Value) -> Result<(), Misplaced> {
    for Rule { at: path, field, holds, message } in RULES {
        let misplaced = || Misplaced(format!("{path:?} takes no rule"));
        let fields = at(schema, path)?.as_object_mut().ok_or_else(misplaced)?;
        let rules = fields.entry("x-kubernetes-validations").or_insert_with(|| json!([]));
        let mut rule = json!({ "rule": holds, "message": message });
        if let (Some(field), Some(rule)) = (field, rule.as_object_mut()) {
            rule.insert("fieldPath".to_owned(), json!(field));
        }
        rules.as_array_mut().ok_or_else(misplaced)?.push(rule);
    }
    Ok(())
}
