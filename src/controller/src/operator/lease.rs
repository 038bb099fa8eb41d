//! Who leads: the rules of the lease, without I/O.
//!
//! Two controllers never write at the same time, whatever their clocks say. A candidate takes a
//! lease only after it has itself watched the same record for the lease's whole length; the holder
//! stops writing at the renew deadline, which is shorter, counted from before its last successful
//! renewal was sent. Every write of the lease carries the version that was read, so that of two who
//! try at once one is refused.

use core::time::Duration;

use tokio::time::Instant;

/// How long a record that nobody renews keeps others away.
pub(super) const LENGTH: Duration = Duration::from_secs(15);

/// How long after its last renewal the holder still writes: time enough for the last write to end
/// before somebody else may begin.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

/// How long one look at the lease may take: a renewal that comes later is of no use.
pub(super) const PATIENCE: Duration = Duration::from_secs(8);

/// The time between two looks at the lease.
pub(super) const RETRY: Duration = Duration::from_secs(2);

/// What the lease says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// Who has it; empty where it was given back.
    pub(super) holder: String,
    /// Changes with each renewal.
    pub(super) version: String,
}

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// Make it, or take it from who has not renewed it.
    Take,
    /// It is ours: renew it.
    Renew,
    /// It is another's.
    Wait,
}

/// What one candidate has seen of the lease.
#[derive(Debug, Default)]
pub(super) struct Watched {
    seen: Option<(Held, Instant)>,
}

impl Watched {
    /// What follows from the lease as it was read just now; `None` where there is none.
    pub(super) fn look(&mut self, held: Option<Held>, identity: &str, now: Instant) -> Move {
        let Some(held) = held else {
            self.seen = None;
            return Move::Take;
        };
        let since = match &self.seen {
            Some((before, since)) if *before == held => *since,
            _ => now,
        };
        let (ours, free) = (held.holder == identity, held.holder.is_empty());
        self.seen = Some((held, since));
        match () {
            () if ours => Move::Renew,
            () if free || now - since >= LENGTH => Move::Take,
            () => Move::Wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(holder: &str, version: u32) -> Held {
        Held { holder: holder.to_owned(), version: version.to_string() }
    }

    #[test]
    fn the_holder_stops_before_anybody_else_may_start() {
        assert!(DEADLINE < LENGTH && PATIENCE < DEADLINE && RETRY * 2 < DEADLINE);
    }

    #[test]
    fn no_lease_or_one_that_was_given_back_is_taken() {
        let mut watched = Watched::default();
        assert_eq!(watched.look(None, "a", Instant::now()), Move::Take);
        assert_eq!(watched.look(Some(held("", 1)), "a", Instant::now()), Move::Take);
    }

    #[test]
    fn our_own_is_renewed() {
        assert_eq!(Watched::default().look(Some(held("a", 1)), "a", Instant::now()), Move::Renew);
    }

    #[test]
    fn anothers_is_taken_only_after_it_was_seen_unchanged_for_its_whole_length() {
        let start = Instant::now();
        let mut watched = Watched::default();
        assert_eq!(watched.look(Some(held("b", 1)), "a", start), Move::Wait);
        assert_eq!(watched.look(Some(held("b", 1)), "a", start + LENGTH / 2), Move::Wait);
        assert_eq!(watched.look(Some(held("b", 2)), "a", start + LENGTH), Move::Wait);
        let almost = start + LENGTH * 2 - Duration::from_millis(1);
        assert_eq!(watched.look(Some(held("b", 2)), "a", almost), Move::Wait);
        assert_eq!(watched.look(Some(held("b", 2)), "a", start + LENGTH * 2), Move::Take);
    }

    #[test]
    fn one_that_comes_back_is_watched_anew() {
        let start = Instant::now();
        let mut watched = Watched::default();
        watched.look(Some(held("b", 1)), "a", start);
        watched.look(None, "a", start + LENGTH);
        assert_eq!(watched.look(Some(held("b", 1)), "a", start + LENGTH), Move::Wait);
    }
}
