//! Who is alive: the VMs of a proxy with the time of each one's last beat.

use alloc::vec::Vec;
use core::time::Duration;

use super::ATTEMPTS;
use super::bytes::{Reader, Writer};
use crate::host::{Host, Moment};

/// The table's key.
pub const KEY: &str = "serin.1.vms";

/// A VM that has been silent for so long is left out: its worker is gone, or hangs and serves
/// nobody. Three beats, so that a single late one does no harm.
pub const SILENCE: Duration = Duration::from_secs(3);

/// One VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number, drawn at random when it started.
    pub vm: u64,
    /// Its last beat.
    pub seen: Moment,
    /// Counts up whenever it writes its row.
    pub row: u32,
}

/// The VMs of a proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table(Vec<Entry>);

impl Table {
    /// Reads the table.
    pub fn read(host: &dyn Host) -> Self {
        Self::decode(&host.shared(KEY).value)
    }

    /// The VMs that are not silent, in the order of their numbers.
    pub fn live(&self, now: Moment) -> impl Iterator<Item = Entry> + '_ {
        self.0.iter().filter(move |entry| now.since(entry.seen) < SILENCE).copied()
    }

    /// The VM that speaks for the proxy, for what needs saying only once.
    #[must_use]
    pub fn speaker(&self, now: Moment) -> Option<u64> {
        self.live(now).map(|entry| entry.vm).min()
    }

    /// Puts a VM's entry in, and leaves out those that have fallen silent.
    #[must_use]
    pub fn with(&self, own: Entry) -> Self {
        let mut entries: Vec<Entry> =
            self.live(own.seen).filter(|entry| entry.vm != own.vm).collect();
        let place = entries.partition_point(|entry| entry.vm < own.vm);
        entries.insert(place, own);
        Self(entries)
    }

    /// Takes a VM's entry out.
    #[must_use]
    pub fn without(&self, vm: u64) -> Self {
        Self(self.0.iter().filter(|entry| entry.vm != vm).copied().collect())
    }

    /// Changes the table that is shared; whether that worked, for others may write all the time.
    pub fn change(host: &dyn Host, change: impl Fn(&Self) -> Self) -> bool {
        (0..ATTEMPTS).any(|_| {
            let shared = host.shared(KEY);
            let changed = change(&Self::decode(&shared.value));
            host.share(KEY, &changed.encode(), Some(shared.version)).is_ok()
        })
    }

    fn encode(&self) -> Vec<u8> {
        let entries = self.0.iter().fold(Writer::default(), |bytes, entry| {
            bytes.u64(entry.vm).u64(entry.seen.as_millis()).u32(entry.row)
        });
        entries.finish()
    }

    fn decode(bytes: &[u8]) -> Self {
        let mut reader = Reader::new(bytes);
        let entry = move || {
            Some(Entry {
                vm: reader.u64()?,
                seen: Moment::from_millis(reader.u64()?),
                row: reader.u32()?,
            })
        };
        Self(core::iter::from_fn(entry).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn entry(vm: u64, seconds: u64) -> Entry {
        Entry { vm, seen: Moment::from_millis(seconds * 1000), row: 1 }
    }

    #[test]
    fn the_silent_are_left_out() {
        let table = Table::default().with(entry(3, 10)).with(entry(2, 11)).with(entry(5, 12));
        let live = |seconds: u64| {
            let now = Moment::from_millis(seconds * 1000);
            table.live(now).map(|entry| entry.vm).collect::<Vec<_>>()
        };
        assert_eq!(live(12), [2, 3, 5]);
        assert_eq!(live(13), [2, 5]);
        assert_eq!(table.speaker(Moment::from_millis(14_000)), Some(5));
        assert_eq!(table.speaker(Moment::from_millis(15_000)), None);
        assert_eq!(table.with(entry(7, 14)).0, [entry(5, 12), entry(7, 14)]);
        assert_eq!(table.without(3).0, [entry(2, 11), entry(5, 12)]);
    }

    #[test]
    fn bytes_come_back_and_a_torn_end_is_dropped() {
        let table = Table::default().with(entry(1, 1)).with(entry(u64::MAX, 2));
        let bytes = table.encode();
        assert_eq!(Table::decode(&bytes), table);
        assert_eq!(Table::decode(&bytes[..bytes.len() - 1]), table.without(u64::MAX));
    }
}
