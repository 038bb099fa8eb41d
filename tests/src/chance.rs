//! Chance that is the same in every run.

/// Evenly distributed bits for the draw of this number, in no order (`SplitMix64`'s output function).
#[must_use]
pub fn draw(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
