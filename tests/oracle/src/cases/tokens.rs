//! Testers' tokens, sound or not.

use std::time::Duration;

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::Key;

/// Some proxies have the first of them, some both, some none. One is longer than the hash's block.
pub(super) fn keys() -> [Key; 2] {
    let key = |id: &str, length: u8| Key { id: id.to_owned(), secret: (0..length).collect() };
    [key("old", 32), key("new", 100)]
}

/// When tokens end, and the times at which requests come.
const TIMES: [u64; 3] = [999, 1_000, 1_001];

pub(super) fn now() -> impl Strategy<Value = Duration> {
    (select(TIMES.to_vec()), select(vec![0, 999]))
        .prop_map(|(seconds, millis)| Duration::from_secs(seconds) + Duration::from_millis(millis))
}

pub(super) fn token() -> impl Strategy<Value = Vec<u8>> {
    let claims = (
        select(vec!["shop/r0", "shop/r0", "shop/r1", "shop/r2"]),
        select(vec!["canary", "stable"]),
        select([TIMES.as_slice(), &[u64::MAX]].concat()),
        select(vec!["shop", "shop", "other"]),
    );
    let change = (any::<prop::sample::Index>(), select(b"~0Aa-=\xff".to_vec()));
    (select(keys().to_vec()), claims, option::weighted(0.3, change)).prop_map(
        |(key, claims, change)| {
            let (rollout, side, ends, audience) = claims;
            let mut token = crate::token(&key, rollout, side, ends, audience).into_bytes();
            if let Some((place, byte)) = change {
                let place = place.index(token.len());
                token.splice(place..=place, [byte]);
            }
            token
        },
    )
}
