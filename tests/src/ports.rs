//! Free ports on loopback for programs that cannot choose one themselves.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};

/// Below the range from which Linux takes the local ports of outgoing connections (32768 up), so
/// that none of the load's thousands can take a port between its choice and its use.
const RANGE: Range<u16> = 20_000..32_000;

/// What this process has given out: never given out twice, also after the program has ended.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A port on which nothing listens.
///
/// # Errors
/// Where none is left.
pub fn free() -> Result<u16> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    // Test programs that run side by side start their search at different places.
    let width = u32::from(RANGE.end - RANGE.start);
    let from = std::process::id().wrapping_mul(97) % width;
    let port = (0..width)
        .filter_map(|step| u16::try_from((from + step) % width).ok())
        .map(|offset| RANGE.start + offset)
        .find(|port| {
            !given.contains(port) && TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()
        })
        .with_context(|| format!("no free port in {RANGE:?}"))?;
    given.insert(port);
    Ok(port)
}

#[cfg(test)]
mod tests {
    use super::free;

    #[test]
    fn gives_no_port_twice() {
        let ports: std::collections::BTreeSet<u16> = (0..50).map(|_| free().unwrap()).collect();
        assert_eq!(ports.len(), 50);
    }
}
