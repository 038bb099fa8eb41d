//! Shares and independence over a million ids under each of twenty salts.
//!
//! Ids and salts are fixed, so each run computes the same numbers: a test here passes always or
//! never. The bounds say how unlikely a true random assignment would be to break them, so that a
//! break means the hash and not bad luck.
#![cfg(test)]

use std::sync::LazyLock;

use serin_assignment::{Bucket, Cohort, Salt, assign};

const IDS: u32 = 1_000_000;
const SALTS: usize = 20;
const BUCKETS: usize = Bucket::COUNT as usize;
const COHORTS: usize = Cohort::COUNT as usize;
/// Tenths of the buckets: coarse enough for 10,000 ids in each cell of a table of two salts.
const TENTHS: usize = 10;

/// The chi-square values that a true random table passes once in a million times, by the number of
/// its cells less one (the expected counts are given, not estimated).
const CRITICAL_99: f64 = 180.79;
const CRITICAL_159: f64 = 258.58;
const CRITICAL_9999: f64 = 10_685.66;

/// How often each thing was seen, counted once for all tests.
struct Counts {
    /// Per salt and bucket.
    buckets: Vec<Vec<u32>>,
    /// Per salt, by its tenth and the tenth under the next salt.
    next_salt: Vec<Vec<u32>>,
    /// Per salt, by cohort and tenth.
    cohorts: Vec<Vec<u32>>,
}

static COUNTS: LazyLock<Counts> = LazyLock::new(|| {
    let salts: Vec<Salt> =
        (0..SALTS).map(|i| Salt::new(&format!("shop/checkout/{i:08x}")).unwrap()).collect();
    let table = |cells: usize| vec![vec![0; cells]; SALTS];
    let mut counts = Counts {
        buckets: table(BUCKETS),
        next_salt: table(TENTHS * TENTHS),
        cohorts: table(COHORTS * TENTHS),
    };
    for number in 0..IDS {
        let id = format!("user-{number}");
        let users: Vec<_> = salts.iter().map(|salt| assign(salt, id.as_bytes())).collect();
        let tenth = |salt: usize| usize::from(users[salt % SALTS].bucket.get()) * TENTHS / BUCKETS;
        for (salt, user) in users.iter().enumerate() {
            counts.buckets[salt][usize::from(user.bucket.get())] += 1;
            counts.next_salt[salt][tenth(salt) * TENTHS + tenth(salt + 1)] += 1;
            counts.cohorts[salt][usize::from(user.cohort.get()) * TENTHS + tenth(salt)] += 1;
        }
    }
    counts
});

/// The chi-square statistic of a table whose cells are all equally likely.
fn chi_square(cells: &[u32]) -> f64 {
    let total: u32 = cells.iter().sum();
    assert_eq!(total, IDS);
    let expected = f64::from(total) / f64::from(u32::try_from(cells.len()).unwrap());
    cells.iter().map(|seen| (f64::from(*seen) - expected).powi(2) / expected).sum()
}

/// The bound is five standard deviations: a random assignment passes it once in 1.7 million times,
/// so once in 8,700 such sets of 200 shares; at 50 % it is a quarter of a percentage point.
#[test]
fn the_share_on_the_canary_is_the_weight() {
    let ids = f64::from(IDS);
    for (salt, buckets) in COUNTS.buckets.iter().enumerate() {
        for weight in [1_u16, 10, 100, 500, 1_000, 2_500, 5_000, 7_500, 9_000, 9_999] {
            let share = f64::from(weight) / f64::from(Bucket::COUNT);
            let canary: u32 = buckets[..usize::from(weight)].iter().sum();
            let deviation = (ids * share * (1.0 - share)).sqrt();
            let off = (f64::from(canary) - ids * share) / deviation;
            assert!(off.abs() < 5.0, "salt {salt}: {canary} at {weight} bp, {off:.1} deviations");
        }
    }
}

#[test]
fn all_buckets_are_equally_likely() {
    for (salt, buckets) in COUNTS.buckets.iter().enumerate() {
        let statistic = chi_square(buckets);
        assert!(statistic < CRITICAL_9999, "salt {salt}: {statistic:.1}");
    }
}

#[test]
fn two_salts_are_independent() {
    for (salt, table) in COUNTS.next_salt.iter().enumerate() {
        let statistic = chi_square(table);
        assert!(statistic < CRITICAL_99, "salts {salt} and the next: {statistic:.1}");
    }
}

#[test]
fn cohort_and_bucket_are_independent() {
    for (salt, table) in COUNTS.cohorts.iter().enumerate() {
        let statistic = chi_square(table);
        assert!(statistic < CRITICAL_159, "salt {salt}: {statistic:.1}");
    }
}
