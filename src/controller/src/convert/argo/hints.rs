//! What to do about the fields of a `Rollout` that have no counterpart.

use super::super::remains::Hints;

/// Of a `Rollout`. `DEPLOYMENT` stands for stable's.
pub(super) const OF_ROLLOUT: &Hints = &[
    (
        "replicas",
        "it stands in Deployment DEPLOYMENT; the canary's pods are scaled by the controller",
    ),
    (
        "selector",
        "write two Deployments of this pod template, DEPLOYMENT and DEPLOYMENT-canary, each with a label of its own",
    ),
    (
        "template",
        "write two Deployments of this pod template, DEPLOYMENT and DEPLOYMENT-canary, each with a label of its own",
    ),
    ("minReadySeconds", "set it in both Deployments: it is waited for"),
    ("revisionHistoryLimit", "set it in both Deployments"),
    (
        "progressDeadlineSeconds",
        "set it in both Deployments; a canary without a ready pod for policy.notReadyAfter loses its weight",
    ),
    (
        "progressDeadlineAbort",
        "a canary without a ready pod for policy.notReadyAfter loses its weight",
    ),
    ("paused", "`kubectl serin pause NAME` stops rises"),
    ("restartAt", "`kubectl rollout restart` does it, of either Deployment"),
    ("rollbackWindow", "every new version goes through the steps"),
    ("analysis", "the log of decisions has a bound of its own"),
    ("strategy.canary.maxSurge", "set it in the Deployments"),
    ("strategy.canary.maxUnavailable", "set it in the Deployments"),
    ("strategy.*.antiAffinity", "set it in the Deployments' pod templates"),
    ("strategy.canary.canaryMetadata", "set it in Deployment DEPLOYMENT-canary"),
    ("strategy.canary.stableMetadata", "set it in Deployment DEPLOYMENT"),
    (
        "strategy.*.scaleDownDelaySeconds",
        "the canary goes to zero once three scrapes show that nothing reaches it",
    ),
    (
        "strategy.*.abortScaleDownDelaySeconds",
        "the canary goes to zero once three scrapes show that nothing reaches it",
    ),
    (
        "strategy.*.scaleDownDelayRevisionLimit",
        "there are two Deployments and no older sets of pods",
    ),
    (
        "strategy.canary.minPodsPerReplicaSet",
        "the canary has one pod at least; with target.capacity: ignore its pods are yours",
    ),
    (
        "strategy.canary.dynamicStableScale",
        "stable keeps its pods until the end: everyone may have to go back there",
    ),
    ("strategy.canary.pingPong", "which side serves is told by the weights, not by Services"),
    (
        "strategy.canary.trafficRouting.istio.virtualServices",
        "one release has one VirtualService: write a release for each",
    ),
    (
        "strategy.canary.trafficRouting.istio",
        "only one VirtualService, its routes and one DestinationRule have a counterpart",
    ),
    (
        "strategy.canary.trafficRouting.managedRoutes",
        "no route is made: marks of the filter take the place of header routes",
    ),
    (
        "strategy.canary.trafficRouting.*",
        "the release names an Istio VirtualService: name another router's object in its place (README, Other routers), or have the filter alone carry the weights (README, plain Envoy)",
    ),
    (
        "strategy.canary.analysis.startingStep",
        "gates hold from the first step on; evidence.skip leaves out the first minutes",
    ),
    ("strategy.blueGreen.previewService", "testers see the canary by a header: assignment.testers"),
    (
        "strategy.blueGreen.previewReplicaCount",
        "the canary gets the pods that the next weight needs",
    ),
    ("strategy.blueGreen.activeMetadata", "set it in Deployment DEPLOYMENT"),
    ("strategy.blueGreen.previewMetadata", "set it in Deployment DEPLOYMENT-canary"),
    ("strategy.blueGreen.autoPromotionSeconds", "each step lasts for its bake time"),
];

/// What an `AnalysisTemplate` may say and a gate may not.
pub(super) const OF_TEMPLATE: &Hints = &[
    ("metrics.*.count", "a gate holds for as long as its step lasts"),
    ("metrics.*.interval", "a gate is read at every scrape"),
    (
        "metrics.*.initialDelay",
        "evidence.skip leaves out the first minutes, policy.noDataAlertAfter waits for data",
    ),
    ("metrics.*.failureLimit", "a `threshold` gate fails at once: smooth its query"),
    ("metrics.*.inconclusiveLimit", "too little to tell holds, for as long as it takes"),
    ("metrics.*.consecutiveErrorLimit", "metrics that do not answer hold, and raise an alert"),
    ("metrics.*.consecutiveSuccessLimit", "a step lasts for its bake time"),
    (
        "metrics.*.provider.prometheus.insecure",
        "name the authority to trust: metrics.prometheus.caFile",
    ),
    (
        "metrics.*.provider.prometheus.authentication",
        "name the files: metrics.prometheus.bearerTokenFile or basicAuth",
    ),
    (
        "metrics.*.provider.prometheus.rangeQuery",
        "one number is asked for: take the worst of the range by a subquery",
    ),
    ("measurementRetention", "the log of decisions has a bound of its own"),
    ("templates", "templates of templates: name them in the Rollout"),
];
