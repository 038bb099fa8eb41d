//! Which VM asks the source: a lease that its holder renews and that ends by itself.

use alloc::vec::Vec;
use core::time::Duration;

use super::bytes::{Reader, Writer};
use crate::host::{Changed, Host, Moment, Version};

/// How long a lease lasts without renewal. A holder that ticks renews it long before; one that
/// hangs or is gone costs this much delay at most.
pub const LEASE: Duration = Duration::from_secs(3);

/// A holder renews a lease of this age: often enough to survive two missed renewals.
const RENEW_AFTER: Duration = Duration::from_secs(1);

/// Who asks the source until when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lease {
    /// The holder's number; zero is nobody.
    pub holder: u64,
    /// When it ends.
    pub until: Moment,
    /// No holder asks before this. It stands here so that the interval between two asks holds
    /// for the proxy, whoever asks.
    pub ask_from: Moment,
}

/// What a lease means to a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The reader holds it; whether it is time to renew it.
    Mine {
        /// Whether it is time to renew it.
        renew: bool,
    },
    /// Nobody holds it.
    Free,
    /// Somebody else holds it.
    Others,
}

impl Lease {
    /// What it means to `me` now.
    #[must_use]
    pub fn standing(&self, me: u64, now: Moment) -> Standing {
        let left = self.until.since(now);
        match self.holder {
            holder if holder == me && !left.is_zero() => {
                Standing::Mine { renew: left <= LEASE.saturating_sub(RENEW_AFTER) }
            }
            0 => Standing::Free,
            _ if left.is_zero() => Standing::Free,
            _ => Standing::Others,
        }
    }

    /// This lease in the hands of `me` from now on.
    #[must_use]
    pub fn taken(self, me: u64, now: Moment) -> Self {
        Self { holder: me, until: now + LEASE, ..self }
    }

    /// This lease in nobody's hands.
    #[must_use]
    pub fn returned(self) -> Self {
        Self { holder: 0, until: Moment::default(), ..self }
    }

    /// Reads the lease; one that nobody has written, or in a form that doesn't fit, is free.
    pub fn read(host: &dyn Host, key: &str) -> (Self, Version) {
        let shared = host.shared(key);
        (Self::decode(&shared.value).unwrap_or_default(), shared.version)
    }

    /// Writes the lease, unless somebody else did so first.
    ///
    /// # Errors
    /// [`Changed`] in that case.
    pub fn write(&self, host: &dyn Host, key: &str, version: Version) -> Result<(), Changed> {
        host.share(key, &self.encode(), Some(version))
    }

    fn encode(&self) -> Vec<u8> {
        Writer::default()
            .u64(self.holder)
            .u64(self.until.as_millis())
            .u64(self.ask_from.as_millis())
            .finish()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let holder = reader.u64()?;
        let mut moment = || reader.u64().map(Moment::from_millis);
        Some(Self { holder, until: moment()?, ask_from: moment()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Moment {
        Moment::from_millis(seconds * 1000)
    }

    #[test]
    fn a_lease_is_held_renewed_and_ends() {
        let lease = Lease::default().taken(7, at(10));
        assert_eq!(lease.standing(7, at(10)), Standing::Mine { renew: false });
        assert_eq!(lease.standing(7, at(11)), Standing::Mine { renew: true });
        assert_eq!(lease.standing(8, at(12)), Standing::Others);
        assert_eq!(lease.standing(8, at(13)), Standing::Free);
        assert_eq!(lease.standing(7, at(13)), Standing::Free);
        assert_eq!(lease.returned().standing(8, at(10)), Standing::Free);
        assert_eq!(Lease::default().standing(7, at(0)), Standing::Free);
    }

    #[test]
    fn bytes_come_back() {
        let lease = Lease { holder: u64::MAX, until: at(3), ask_from: at(9) };
        assert_eq!(Lease::decode(&lease.encode()), Some(lease));
        assert_eq!(Lease::decode(b"short"), None);
    }
}
