//! What the controller publishes is what the filter reads.

use core::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use serin_assignment::{Salt, Weight};
use serin_document::plugin::ClusterName;
use serin_document::{
    AddressBits, Anonymous, Audience, BaggageKey, Buckets, ClaimPath, Clusters, CookieAttributes,
    CookieDomain, CookieName, CookiePath, Document, GeneratedId, HeaderName, Host, HostPattern,
    IdentitySource, Incoming, JwtClaim, LatencyBounds, MarkName, MetadataKey, ParameterName,
    PathPrefix, Revision, Rollout, RolloutName, Rules, SameSite, Signed, Tester, Tripwire,
    UserHash, parse,
};

use crate::conditions::condition;

fn host() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9_-]{1,12}(\\.[a-z0-9-]{1,12}){0,3}\\.?"
}

fn pattern() -> impl Strategy<Value = HostPattern> {
    let text = prop_oneof![host(), host().prop_map(|h| format!("*.{h}")), Just("*".to_owned())];
    text.prop_map(|text| HostPattern::new(&text).unwrap())
}

fn path() -> impl Strategy<Value = PathPrefix> {
    "(/[a-zA-Z0-9%_~-]{1,8}){0,4}/?"
        .prop_map(|text| PathPrefix::new(if text.is_empty() { "/" } else { &text }).unwrap())
}

/// What a client says by itself.
fn said() -> impl Strategy<Value = IdentitySource> {
    let name = "[a-zA-Z0-9_.-]{1,20}";
    prop_oneof![
        name.prop_map(|n| IdentitySource::Header(HeaderName::new(&n).unwrap())),
        name.prop_map(|n| IdentitySource::Cookie(CookieName::new(&n).unwrap())),
        "[^\\p{Cc}]{1,10}".prop_map(|n| IdentitySource::Query(ParameterName::new(&n).unwrap())),
    ]
}

fn source() -> impl Strategy<Value = IdentitySource> {
    let name = "[a-zA-Z0-9_.-]{1,20}";
    prop_oneof![
        said(),
        name.prop_map(|n| IdentitySource::Baggage(BaggageKey::new(&n).unwrap())),
        (prop::collection::vec("[^\\p{Cc}]{1,10}", 1..9), name, any::<bool>()).prop_map(claim),
        (1..=32_u64, 1..=128_u64)
            .prop_map(|(v4, v6)| AddressBits::new(Some(v4), Some(v6)).unwrap())
            .prop_map(IdentitySource::Address),
    ]
}

/// One audience for all, since one cookie remembers for one, and headers that mean nothing else.
fn testers() -> impl Strategy<Value = Vec<Tester>> {
    let audience = prop::option::of("[a-zA-Z0-9._/-]{1,64}");
    let remember = prop::option::of("[a-zA-Z0-9_.-]{1,20}");
    let places = prop::collection::vec((said(), remember), 0..8);
    (places, audience).prop_map(|(places, audience)| {
        let signed = audience.map(|text| Signed { audience: Audience::new(&text).unwrap() });
        let tester = |(source, remember): (IdentitySource, Option<String>)| Tester {
            source: match source {
                IdentitySource::Header(name) => {
                    IdentitySource::Header(HeaderName::new(&format!("x-try-{name}")).unwrap())
                }
                other => other,
            },
            signed: signed.clone(),
            remember: remember.map(|name| CookieName::new(&name).unwrap()),
        };
        places.into_iter().map(tester).collect()
    })
}

fn claim((names, place, in_metadata): (Vec<String>, String, bool)) -> IdentitySource {
    let claim = ClaimPath::new(&names).unwrap();
    IdentitySource::Jwt(if in_metadata {
        JwtClaim::in_metadata(claim, MetadataKey::new(&place).unwrap())
    } else {
        JwtClaim::in_header(claim, HeaderName::new(&place).unwrap())
    })
}

fn generated() -> impl Strategy<Value = IdentitySource> {
    let same_site = prop::sample::select(vec![SameSite::Strict, SameSite::Lax, SameSite::None]);
    let domain = prop::option::of("[a-z]{1,9}\\.[a-z]{2,9}");
    ("[a-zA-Z0-9]{1,20}", 1..34_560_000_u64, domain, "/[a-z=,/]{0,9}", same_site).prop_map(
        |(name, seconds, domain, path, same_site)| {
            let attributes = CookieAttributes {
                max_age: Duration::from_secs(seconds),
                domain: domain.map(|domain| CookieDomain::new(&domain).unwrap()),
                path: CookiePath::new(&path).unwrap(),
                same_site,
                secure: same_site != SameSite::Lax,
            };
            let cookie = CookieName::new(&name).unwrap();
            IdentitySource::Generated(GeneratedId::new(cookie, attributes).unwrap())
        },
    )
}

/// As a user's id: one that is made here only comes last.
fn identity() -> impl Strategy<Value = Vec<IdentitySource>> {
    let sources = prop::collection::vec(source(), 0..5);
    (sources, prop::option::of(generated())).prop_map(|(mut sources, own)| {
        sources.extend(own);
        sources
    })
}

prop_compose! {
    fn traffic()(
        hosts in prop::collection::vec(pattern(), 1..5),
        bare_hosts in prop::collection::btree_map(
            "[a-z0-9-]{1,10}",
            prop::collection::vec(host().prop_map(|h| Host::new(&h).unwrap()), 0..3),
            0..3,
        ),
        paths in prop::collection::vec(path(), 1..5),
    ) -> (Vec<HostPattern>, Vec<(String, Vec<Host>)>, Vec<PathPrefix>) {
        (hosts, bare_hosts.into_iter().collect(), paths)
    }
}

prop_compose! {
    /// Names of the two sides begin differently: none is on both.
    fn clusters()(
        stable in prop::collection::vec("s[!-~]{0,20}", 1..4),
        canary in prop::collection::vec("c[!-~]{0,20}", 1..4),
    ) -> Clusters {
        let names = |all: Vec<String>| all.iter().map(|n| ClusterName::new(n).unwrap()).collect();
        Clusters { stable: names(stable), canary: names(canary) }
    }
}

fn bounds() -> impl Strategy<Value = LatencyBounds> {
    prop::collection::btree_set(1..=3_600_000_u64, 1..=LatencyBounds::MAX).prop_map(|bounds| {
        let bounds: Vec<_> = bounds.into_iter().map(Duration::from_millis).collect();
        LatencyBounds::new(&bounds).unwrap()
    })
}

fn segment() -> impl Strategy<Value = Value> {
    let variant = prop::sample::select(vec!["canary", "stable"]);
    (condition(), variant).prop_map(|(when, variant)| json!({"when": when, "variant": variant}))
}

prop_compose! {
    fn rules()(
        exclude in prop::collection::vec(condition(), 0..3),
        eligible in prop::option::of(condition()),
        users in prop::collection::btree_set(any::<[u8; 4]>(), 0..8),
        listed in any::<prop::sample::Index>(),
        segments in prop::collection::btree_map("[a-z]{1,5}", segment(), 0..3),
    ) -> Rules {
        let mut rules = json!({"exclude": exclude});
        if let Some(eligible) = eligible {
            rules["eligible"] = eligible;
        }
        if !users.is_empty() {
            let salt = Salt::new("team").unwrap();
            let hashes = users.iter().map(|id| UserHash::of(&salt, id).to_string());
            let hashes: Vec<String> = hashes.collect();
            let (canary, stable) = hashes.split_at(listed.index(hashes.len() + 1));
            rules["users"] = json!({"salt": "team", "canary": canary, "stable": stable});
        }
        let named = segments.into_iter().map(|(name, mut segment)| {
            segment["name"] = json!(name);
            segment
        });
        rules["segments"] = named.collect();
        Rules::read(rules.to_string().as_bytes()).unwrap()
    }
}

/// A range of buckets, and a weight within it.
fn share() -> impl Strategy<Value = (u16, Buckets)> {
    let ends = (0..10_000_u16).prop_flat_map(|from| (Just(from), from + 1..=10_000));
    let weight = |points| Weight::from_basis_points(points).unwrap();
    ends.prop_flat_map(move |(from, to)| {
        let buckets = Buckets::new(weight(from), weight(to)).unwrap();
        (0..=to - from, prop_oneof![Just(Buckets::ALL), Just(buckets)])
    })
}

prop_compose! {
    fn tripwire()(
        alpha in 1..=10_000_000_u32,
        floor in 10..=5_000_u16,
        slow in prop::option::of(1..=3_600_000_u64),
        lasts in 1_000..=86_400_000_u64,
    ) -> Tripwire {
        Tripwire {
            alpha: format!("0.{alpha:09}").parse().unwrap(),
            floor: Weight::from_basis_points(floor).unwrap(),
            slow: slow.map(Duration::from_millis),
            lasts: Duration::from_millis(lasts),
        }
    }
}

prop_compose! {
    fn judged()(
        cohort_header in prop::option::of("x-[a-z0-9]{1,10}"),
        clusters in prop::option::of(clusters()),
        latency_bounds in prop::option::of(bounds()),
        tripwire in prop::option::of(tripwire()),
    ) -> (Option<MarkName>, Option<Clusters>, Option<LatencyBounds>, Option<Tripwire>) {
        let cohort_header = cohort_header.map(|name| MarkName::new(&name).unwrap());
        (cohort_header, clusters, latency_bounds, tripwire)
    }
}

prop_compose! {
    fn rollout()(
        name in "[a-zA-Z0-9._/-]{1,40}",
        revision in 0..=Revision::MAX.get(),
        (hosts, bare_hosts, paths) in traffic(),
        salt in "[!-9;-~]{1,60}",
        (points, buckets) in share(),
        (canary_serves, count) in any::<(bool, bool)>(),
        identity in identity(),
        testers in testers(),
        anonymous in prop::sample::select(vec![Anonymous::Stable, Anonymous::Random, Anonymous::Route]),
        incoming in prop::sample::select(vec![Incoming::Replace, Incoming::Keep]),
        mark in "x-[a-z0-9]{1,10}",
        (cohort_header, clusters, latency_bounds, tripwire) in judged(),
        (rules, requires) in (rules(), prop::collection::vec("[a-z]{1,10}", 0..3)),
    ) -> Rollout {
        Rollout {
            name: RolloutName::new(&name).unwrap(),
            revision: Revision::new(revision),
            hosts,
            bare_hosts,
            paths,
            salt: Salt::new(&salt).unwrap(),
            weight: Weight::from_basis_points(points).unwrap(),
            buckets,
            canary_serves,
            identity,
            anonymous,
            testers,
            incoming,
            count,
            mark: MarkName::new(&mark).unwrap(),
            cohort_header,
            clusters,
            latency_bounds,
            rules,
            tripwire,
            requires,
        }
    }
}

proptest! {
    #[test]
    fn a_published_document_reads_back_the_same(
        revision in 0..=Revision::MAX.get(),
        rollouts in prop::collection::btree_map("[a-z]{1,5}", rollout(), 0..5),
    ) {
        let named = rollouts.into_iter().map(|(name, rollout)| Rollout {
            name: RolloutName::new(&name).unwrap(),
            ..rollout
        });
        let document = Document::new(Revision::new(revision), named.collect());
        let parsed = parse(document.to_json().as_bytes()).unwrap();
        prop_assert_eq!(parsed.left_out, []);
        prop_assert_eq!(parsed.document, document);
    }
}
