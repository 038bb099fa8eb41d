//! Internet addresses, read and written in a third of the code that the core library has for them.

use alloc::format;
use alloc::string::String;

use crate::hexadecimal;

/// An address, its first bits the highest, or in the first group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Internet {
    V4(u32),
    V6([u16; 8]),
}

impl Internet {
    /// Reads an address as proxies write it: alone, or with a port (`203.0.113.7:4711`,
    /// `[2001:db8::7]:4711`). An IPv4 address within IPv6 is one of IPv4.
    pub(crate) fn read(text: &str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix('[') {
            let (address, port) = rest.split_once(']')?;
            // On which of its own networks the proxy sees the caller.
            let (address, zone) = address.split_once('%').unwrap_or((address, "0"));
            return v6(address).filter(|_| is_number(zone) && is_port(port));
        }
        let (address, port) = text.split_at_checked(text.find(':').unwrap_or(text.len()))?;
        let v4 = v4(address).filter(|_| port.is_empty() || is_port(port));
        v4.map(Self::V4).or_else(|| v6(text))
    }

    /// The canonical text (for IPv6 that of RFC 5952) of what is left where only so many leading
    /// bits count; their number behind a slash where that is not all.
    pub(crate) fn network(self, ipv4: u8, ipv6: u8) -> String {
        let (network, bits, all) = match self {
            Self::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(ipv4)).unwrap_or_default();
                let [a, b, c, d] = (address & mask).to_be_bytes();
                (format!("{a}.{b}.{c}.{d}"), ipv4, 32)
            }
            Self::V6(groups) => {
                let mut left = u32::from(ipv6);
                let network = written(groups.map(|group| {
                    let kept = left.min(16);
                    left -= kept;
                    u32::from(group) & !(0xffff >> kept)
                }));
                (network, ipv6, 128)
            }
        };
        if bits == all { network } else { format!("{network}/{bits}") }
    }
}

/// The groups in hexadecimal, the first of the longest runs of zeros left out.
fn written(groups: [u32; 8]) -> String {
    // A zero on its own is written.
    let (mut begin, mut length) = (groups.len(), 1);
    let mut zeros = 0;
    for (place, group) in groups.iter().enumerate() {
        zeros = if *group == 0 { zeros + 1 } else { 0 };
        if zeros > length {
            (begin, length) = (place + 1 - zeros, zeros);
        }
    }
    let end = begin + length;
    let mut text = String::new();
    for (place, group) in groups.iter().enumerate() {
        if place == begin {
            text.push_str("::");
        } else if !(begin..end).contains(&place) {
            if place != 0 && place != end {
                text.push(':');
            }
            let digits = hexadecimal(&group.to_be_bytes());
            let digits = digits.trim_start_matches('0');
            text.push_str(if digits.is_empty() { "0" } else { digits });
        }
    }
    text
}

/// An address of IPv6, or one of IPv4 within it.
pub(crate) fn v6(text: &str) -> Option<Internet> {
    let gap = text.as_bytes().windows(2).position(|two| two == b"::");
    let (head, tail) = match gap {
        Some(gap) => (text.get(..gap)?, text.get(gap + 2..)?),
        None => ("", text),
    };
    let (mut groups, mut last) = ([0; 8], [0; 8]);
    let (first, rest) = (read_groups(head, &mut groups)?, read_groups(tail, &mut last)?);
    // A gap stands for one group at least. Before it there is no IPv4.
    let fits = if gap.is_some() { first + rest < 8 } else { rest == 8 };
    if !fits || head.contains('.') {
        return None;
    }
    for (group, last) in groups.iter_mut().rev().zip(last.iter().take(rest).rev()) {
        *group = *last;
    }
    Some(match groups {
        [0, 0, 0, 0, 0, 0xffff, high, low] => Internet::V4(u32::from(high) << 16 | u32::from(low)),
        groups => Internet::V6(groups),
    })
}

/// Reads groups with a colon between each two, the last two of them perhaps as IPv4; their number.
fn read_groups(text: &str, into: &mut [u16; 8]) -> Option<usize> {
    let mut slots = into.iter_mut();
    let mut parts = text.split(':');
    while let Some(part) = parts.next().filter(|_| !text.is_empty()) {
        let slot = slots.next()?;
        if part.contains('.') {
            let [a, b, c, d] = v4(part)?.to_be_bytes();
            *slot = u16::from_be_bytes([a, b]);
            *slots.next()? = u16::from_be_bytes([c, d]);
            return parts.next().is_none().then(|| 8 - slots.len());
        }
        *slot = u16::try_from(number(part, 16, 4)?).ok()?;
    }
    Some(8 - slots.len())
}

/// An address of IPv4.
pub(crate) fn v4(text: &str) -> Option<u32> {
    let mut address = 0;
    let mut count = 0;
    for part in text.split('.') {
        let part = number(part, 10, 3).filter(|_| part == "0" || !part.starts_with('0'))?;
        address = address << 8 | u32::from(u8::try_from(part).ok()?);
        count += 1;
    }
    (count == 4).then_some(address)
}

/// A number of one digit to `most`.
fn number(text: &str, radix: u32, most: usize) -> Option<u32> {
    // First, since what is longer need not fit.
    if !(1..=most).contains(&text.len()) {
        return None;
    }
    text.chars().try_fold(0, |number, digit| Some(number * radix + digit.to_digit(radix)?))
}

fn is_port(text: &str) -> bool {
    text.strip_prefix(':').is_some_and(is_number)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use core::net::{IpAddr, Ipv6Addr, SocketAddr};

    use proptest::prelude::*;

    use super::*;

    /// The core library's answer.
    fn expected(text: &str) -> Option<String> {
        let socket = text.parse::<SocketAddr>().map(|socket| socket.ip());
        let address = socket.or_else(|_| text.parse::<IpAddr>()).ok()?;
        Some(address.to_canonical().to_string())
    }

    fn found(text: &str) -> Option<String> {
        Some(Internet::read(text)?.network(32, 128))
    }

    #[test]
    fn gaps_and_ipv4_are_where_they_may_be() {
        for text in [
            "::",
            ":",
            ":::",
            "1::",
            "::1",
            ":1",
            "1:",
            "1::2::3",
            "1:2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7::",
            "::2:3:4:5:6:7:8",
            "1:2:3:4::5:6:7:8",
            "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9",
            "1:2:3:4:5:6:1.2.3.4",
            "1:2:3:4:5:6:7:1.2.3.4",
            "::1.2.3.4",
            "1.2.3.4::",
            "::1.2.3.4:5",
            "::ffff:1.2.3.4",
            "::ffff:0:0",
            "::1.2.3.256",
            "12345::",
            "0:0:1:0:0:0:1:0",
            "1:0:0:2:0:0:3:4",
            "0:1:0:1:0:1:0:1",
            "::g",
            "1.2.3",
            "1.2.3.4.5",
            "01.2.3.4",
            "0.0.0.0",
            "1.2.3.4:",
            "[::1]:5",
            "[::1]:",
            "[::1]",
            "[1.2.3.4]:5",
            "::%1",
            "[::1%7]:5",
            "[::1%]:5",
            "[::1%x]:5",
            "",
            ".",
            "1..2.3",
            "fffffffff",
            "[fffffffff]",
            "4294967296.2.3.4",
        ] {
            assert_eq!(found(text), expected(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn addresses_are_read_and_written_as_elsewhere(
            groups in proptest::array::uniform8(prop_oneof![Just(0_u16), Just(0xffff), any::<u16>()]),
        ) {
            let text = Ipv6Addr::from(groups).to_string();
            prop_assert_eq!(found(&text), expected(&text));
        }

        #[test]
        fn other_texts_are_read_or_refused_as_elsewhere(text in "[0-2a:.]{0,14}") {
            prop_assert_eq!(found(&text), expected(&text), "{}", text);
        }
    }
}
