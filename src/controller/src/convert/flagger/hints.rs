//! What to do about the fields of a `Canary` that have no counterpart.

use super::super::remains::Hints;

const IN_SERVICES: &str =
    "it stands in the Services, which are yours: keep those that Flagger made";
const ON_SERVICES: &str =
    "it stands on the Services, which are yours: keep those that Flagger made";
const ROUTER: &str = "the release names an Istio VirtualService: name another router's object in its \
     place (README, Other routers), or have the filter alone carry the weights (README, plain Envoy)";
const MIRROR: &str = "mirroring is spec.mirror, before the first step: it needs a VirtualService or an HTTPRoute, and a \
     `threshold` gate that judges it";

/// Of a `Canary`.
pub(super) const OF_CANARY: &Hints = &[
    (
        "progressDeadlineSeconds",
        "set it in the Deployments; a canary without a ready pod for policy.notReadyAfter loses its weight",
    ),
    ("skipAnalysis", "every new version goes through the steps"),
    ("suspend", "`kubectl serin pause NAME` stops rises"),
    (
        "autoscalerRef",
        "name an autoscaler for each of the two Deployments: the controller finds them, and leaves their replicas alone",
    ),
    ("ingressRef", ROUTER),
    ("routeRef", ROUTER),
    ("upstreamRef", ROUTER),
    (
        "service.gatewayRefs",
        "they stand in the route's object, which is yours: the controller changes its weights and nothing else",
    ),
    ("service.mirror", "a mirror of your own stays in the route's object, which is yours"),
    ("service.targetPort", IN_SERVICES),
    ("service.portName", IN_SERVICES),
    ("service.appProtocol", IN_SERVICES),
    ("service.trafficDistribution", IN_SERVICES),
    ("service.portDiscovery", IN_SERVICES),
    ("service.headless", IN_SERVICES),
    ("service.apex", ON_SERVICES),
    ("service.primary", ON_SERVICES),
    ("service.canary", ON_SERVICES),
    ("service.unmanagedMetadata", "nothing on the Services is managed: they are yours"),
    (
        "service.trafficPolicy",
        "it stands in the DestinationRules, which are yours: keep those that Flagger made",
    ),
    (
        "service.*",
        "it stands in the route's object, which is yours: the controller changes its weights and nothing else",
    ),
    (
        "analysis.threshold",
        "failed checks are not counted: evidence against the canary decides, whenever it is enough (evidence.alpha); a `threshold` gate fails at once, so smooth its query",
    ),
    ("analysis.stepWeightPromotion", "at the end everyone goes back to stable in one write"),
    ("analysis.primaryReadyThreshold", "all pods of stable must be ready before a rise"),
    (
        "analysis.canaryReadyThreshold",
        "all pods that the next weight needs must be ready before a rise",
    ),
    ("analysis.mirror", MIRROR),
    ("analysis.mirrorWeight", MIRROR),
    (
        "analysis.alerts.*",
        "name it in the file of --receivers (slack, teams or webhook; README, Telling people): `about: trouble` where its severity is error or warn, else `milestones`",
    ),
    ("analysis.match.*", "only headers by exact value, prefix or suffix can be asked for"),
    ("analysis.sessionAffinity.*", "it has no counterpart for the cookie of the user's id"),
    (
        "analysis.metrics.*.threshold",
        "it is the old form of thresholdRange, and which end it means is not told",
    ),
];

/// Of a `MetricTemplate`.
pub(super) const OF_TEMPLATE: &Hints = &[
    (
        "provider.secretRef",
        "mount the secret as a file and name it: metrics.prometheus.bearerTokenFile or basicAuth",
    ),
    ("provider.insecureSkipVerify", "name the authority to trust: metrics.prometheus.caFile"),
];
