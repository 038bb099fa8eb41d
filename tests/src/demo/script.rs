//! What both demos play: how many users there are, what goes wrong in which act, and how badly.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serin_assignment::{Assignment, Salt, assign};

use crate::load::{Profile, user_id};

/// More than the 2,000 that the figures ask for, so that chance draws at least as many.
pub const USERS: u32 = 2_400;
/// The users are there before the rollout starts.
pub const LOAD_FIRST: Duration = Duration::from_secs(2);
/// How long the bad version looks good: longer than the start that the judge leaves out.
pub const GOOD_AT_FIRST: Duration = Duration::from_secs(3);
/// The share of the bad version's requests that fail.
pub const ERROR_RATE: f64 = 0.3;
/// The chance by which each request fails in act 3, at either version.
pub const NOISE: f64 = 0.02;
/// How long the load goes on after an act, to see whether anything still reaches the canary.
pub const AFTERWARDS: Duration = Duration::from_secs(2);

/// Requests a second; half as many again as the figures ask for.
const RATE: u32 = 300;
/// Requests a second of the broken client: more than all others that the canary has at 5 %.
const BROKEN_RATE: u32 = 20;
/// Enough that Envoy's two workers both get some of them.
const CONNECTIONS: u32 = 16;
/// The first number of those among whom the broken client is found; no user of the load has it.
const STRANGERS: u32 = 90_000;
/// Buckets of the first step, 5 %: the broken client is on the canary from the start.
const FIRST_BUCKETS: u16 = 500;

/// The users of the shop, who come through this proxy.
#[must_use]
pub fn users(port: u16) -> Profile {
    Profile {
        port,
        host: "shop.example.com".to_owned(),
        identity: "x-user-id".to_owned(),
        users: USERS,
        first_user: 0,
        broken: false,
        rate: RATE,
        connections: CONNECTIONS,
    }
}

/// One more user, of whose requests all fail at any version.
#[must_use]
pub fn broken_client(port: u16, user: u32) -> Profile {
    Profile {
        users: 1,
        first_user: user,
        broken: true,
        rate: BROKEN_RATE,
        connections: 1,
        ..users(port)
    }
}

/// A user whom this salt puts on the canary from the first step on, and who is none of the others.
///
/// # Errors
/// Where there is none, for which chance would have to be very unkind.
pub fn stranger_on_the_canary(salt: &Salt) -> Result<(u32, Assignment)> {
    (STRANGERS..2 * STRANGERS)
        .map(|number| (number, assign(salt, user_id(number).as_bytes())))
        .find(|(_, assignment)| assignment.bucket.get() < FIRST_BUCKETS)
        .context("no id is in the first step's buckets")
}
