//! Chance that is the same in every run, and what it says.

/// Evenly distributed bits for the draw of this number, in no order (`SplitMix64`'s output function).
#[must_use]
pub fn draw(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The 95 % interval of a share of which `found` of `all` were seen, by Wilson's formula, which holds
/// for shares near none too.
#[must_use]
pub fn interval(found: u32, all: u32) -> (f64, f64) {
    const Z: f64 = 1.959_963_985;
    let all = f64::from(all);
    let share = f64::from(found) / all;
    let middle = share + Z * Z / (2.0 * all);
    let half = Z * (share * (1.0 - share) / all + Z * Z / (4.0 * all * all)).sqrt();
    let scale = 1.0 + Z * Z / all;
    (((middle - half) / scale).max(0.0), ((middle + half) / scale).min(1.0))
}
