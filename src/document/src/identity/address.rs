//! The address of the caller, or the network that stands for it.

use alloc::format;
use alloc::string::String;

use serde::Serialize;

use crate::Fault;
use crate::internet::Internet;

/// Under which path the proxy tells the address, as Envoy has settled it: that of the connection,
/// or one that a trusted proxy has forwarded.
pub(crate) const PROPERTY: &str = "source\0address";

/// How many leading bits of an address say who calls: addresses that share them are one user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct AddressBits {
    ipv4: u8,
    ipv6: u8,
}

impl Default for AddressBits {
    /// All 32 of IPv4, and of IPv6 the 64 that one household or host has: within them it changes its
    /// address as it likes.
    fn default() -> Self {
        Self { ipv4: 32, ipv6: 64 }
    }
}

impl AddressBits {
    /// Checks the numbers of bits; none is the default.
    ///
    /// # Errors
    /// A [`Fault`] of the field `ipv4` or `ipv6` where there are none or more than there are.
    pub fn new(ipv4: Option<u64>, ipv6: Option<u64>) -> Result<Self, Fault> {
        let default = Self::default();
        Ok(Self {
            ipv4: checked("ipv4", ipv4, default.ipv4, 32)?,
            ipv6: checked("ipv6", ipv6, default.ipv6, 128)?,
        })
    }

    /// Leading bits of an IPv4 address: 1 to 32.
    #[must_use]
    pub const fn ipv4(self) -> u8 {
        self.ipv4
    }

    /// Leading bits of an IPv6 address: 1 to 128.
    #[must_use]
    pub const fn ipv6(self) -> u8 {
        self.ipv6
    }

    /// The id of a caller by what the proxy says of its address, such as `203.0.113.7:4711` or
    /// `[2001:db8::7]:4711`: the address itself (`203.0.113.7`) where all of it counts, else the
    /// network (`2001:db8::/64`), in the canonical form of RFC 5952. An IPv4 address within IPv6 is
    /// one of IPv4. None for what is no internet address.
    #[inline(never)]
    pub(crate) fn id(self, told: &[u8]) -> Option<String> {
        let text = str::from_utf8(told).ok()?;
        Some(Internet::read(text)?.network(self.ipv4, self.ipv6))
    }
}

fn checked(field: &str, given: Option<u64>, default: u8, most: u8) -> Result<u8, Fault> {
    let Some(given) = given else { return Ok(default) };
    u8::try_from(given).ok().filter(|bits| (1..=most).contains(bits)).ok_or_else(|| {
        let rule = format!("how many leading bits of an address count: 1 to {most}");
        Fault::new(field, given, rule)
    })
}

#[cfg(test)]
mod tests {
    use core::net::Ipv6Addr;

    use proptest::prelude::*;

    use super::*;

    fn id(ipv4: u64, ipv6: u64, told: &str) -> Option<String> {
        AddressBits::new(Some(ipv4), Some(ipv6)).unwrap().id(told.as_bytes())
    }

    #[test]
    fn an_address_is_told_in_one_way() {
        for (told, expected) in [
            ("203.0.113.7:4711", Some("203.0.113.7")),
            ("203.0.113.7:0", Some("203.0.113.7")),
            ("203.0.113.7", Some("203.0.113.7")),
            ("[2001:db8:1:2:3:4:5:6]:4711", Some("2001:db8:1:2::/64")),
            ("[2001:0DB8::1]:0", Some("2001:db8::/64")),
            ("2001:db8::1", Some("2001:db8::/64")),
            ("[fe80::1%3]:4711", Some("fe80::/64")),
            ("[::ffff:203.0.113.7]:4711", Some("203.0.113.7")),
            ("[::ffff:cb00:7107]:4711", Some("203.0.113.7")),
            ("/run/envoy.sock", None),
            ("envoy://listener/", None),
            ("203.0.113.007:1", None),
            ("203.0.113:1", None),
            ("", None),
        ] {
            let found = AddressBits::default().id(told.as_bytes());
            assert_eq!(found.as_deref(), expected, "{told}");
        }
        assert_eq!(AddressBits::default().id(b"\xff"), None);
    }

    #[test]
    fn what_does_not_count_is_cut_off() {
        let (v4, v6) = ("203.0.113.199:1", "[2001:db8:ffff:ffff:ffff::1]:1");
        for (bits, expected) in
            [(24, "203.0.113.0/24"), (25, "203.0.113.128/25"), (1, "128.0.0.0/1")]
        {
            assert_eq!(id(bits, 64, v4).as_deref(), Some(expected));
        }
        for (bits, expected) in [
            (128, "2001:db8:ffff:ffff:ffff::1"),
            (56, "2001:db8:ffff:ff00::/56"),
            (32, "2001:db8::/32"),
            (1, "::/1"),
        ] {
            assert_eq!(id(32, bits, v6).as_deref(), Some(expected));
        }
        // A mapped one is cut as IPv4.
        assert_eq!(id(16, 64, "[::ffff:203.0.113.7]:1").as_deref(), Some("203.0.0.0/16"));
    }

    #[test]
    fn bits_are_within_an_address() {
        let fault = AddressBits::new(Some(33), None).unwrap_err();
        assert_eq!(
            fault.to_string(),
            "ipv4: 33: how many leading bits of an address count: 1 to 32"
        );
        assert_eq!(AddressBits::new(Some(0), None).unwrap_err().field, "ipv4");
        assert_eq!(AddressBits::new(None, Some(129)).unwrap_err().field, "ipv6");
        assert_eq!(AddressBits::new(None, None), Ok(AddressBits::default()));
    }

    proptest! {
        /// Bit by bit.
        #[test]
        fn two_callers_are_one_where_their_leading_bits_are(a: u128, flipped in 0..128_u32, bits in 1..=128_u64) {
            let b = a ^ (1 << (127 - flipped));
            let told = |bits: u128| format!("[{}]:1", Ipv6Addr::from_bits(bits));
            prop_assume!(Ipv6Addr::from_bits(a).to_ipv4_mapped().is_none());
            prop_assume!(Ipv6Addr::from_bits(b).to_ipv4_mapped().is_none());
            let same = id(32, bits, &told(a)) == id(32, bits, &told(b));
            prop_assert_eq!(same, u64::from(flipped) >= bits);
        }
    }
}
