//! What lists said of the users whose requests came last.
//!
//! A list holds hashes, so that asking it takes a SHA-256, which takes as long as all else that is
//! decided of most requests. Who comes once mostly comes again in the next seconds, with the rest of a
//! page or the next call of a program.

use alloc::vec;
use alloc::vec::Vec;
use core::cell::RefCell;

use serin_assignment::{Variant, murmur3_x86_32};
use serin_document::{UserLists, are_same};

/// How many users are remembered, in pairs: some 100 kB in each worker that has lists.
const PAIRS: usize = 1024;

/// The longest id that is remembered, in bytes: a UUID with a short word before it. Longer ones are
/// hashed each time.
const LONGEST: usize = 42;

/// What the lists of one document said last. A user's place goes by a hash, and two have room there:
/// a third takes that of the one who was asked for first.
#[derive(Debug, Default)]
pub struct Listed {
    /// None before the first user.
    pairs: RefCell<Vec<[Option<Known>; 2]>>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    /// The rollout's place in the document.
    rollout: usize,
    id: [u8; LONGEST],
    length: u8,
    side: Option<Variant>,
}

impl Known {
    /// None where the id is too long.
    fn new(rollout: usize, id: &[u8], side: Option<Variant>) -> Option<Self> {
        let length = u8::try_from(id.len()).ok()?;
        let mut own = [0; LONGEST];
        own.get_mut(..id.len())?.copy_from_slice(id);
        Some(Self { rollout, id: own, length, side })
    }

    #[inline]
    fn is(&self, rollout: usize, id: &[u8]) -> bool {
        let own = self.id.get(..usize::from(self.length));
        self.rollout == rollout && own.is_some_and(|own| are_same(own, id))
    }
}

impl Listed {
    /// The side of a user who is listed in the rollout at a place of the document, which has these
    /// lists.
    #[inline]
    pub fn find(&self, rollout: usize, lists: &UserLists, id: &[u8]) -> Option<Variant> {
        let mut pairs = self.pairs.borrow_mut();
        if pairs.is_empty() {
            *pairs = vec![[None; 2]; PAIRS];
        }
        // Of rollouts that share a request, each has another place for the same user.
        let place = (murmur3_x86_32(id) as usize).wrapping_add(rollout) % PAIRS;
        let Some([last, before]) = pairs.get_mut(place) else { return lists.find(id) };
        let is_known = |known: &&Known| known.is(rollout, id);
        if let Some(known) = last.iter().chain(before.iter()).find(is_known) {
            return known.side;
        }
        let side = lists.find(id);
        if let Some(known) = Known::new(rollout, id, side) {
            *before = last.replace(known);
        }
        side
    }

    /// Gives the room back. Streams hold what they began under for as long as they last, and nobody asks
    /// the lists of a document that was replaced.
    pub fn forget(&self) {
        self.pairs.take();
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.pairs.borrow().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use serin_assignment::Salt;
    use serin_document::UserHash;

    use super::*;

    fn lists(canary: &[&str], stable: &[&str]) -> UserLists {
        let salt = Salt::new("team").unwrap();
        let hashes = |ids: &[&str]| {
            ids.iter().map(|id| UserHash::of(&salt, id.as_bytes())).collect::<Vec<_>>()
        };
        let (canary, stable) = (hashes(canary), hashes(stable));
        UserLists::new(salt, &canary, &stable).unwrap()
    }

    #[test]
    fn a_user_is_looked_for_once_in_each_rollout() {
        let (first, other) = (lists(&["alice"], &[]), lists(&[], &["alice", "bob"]));
        let listed = Listed::default();
        assert_eq!(listed.find(0, &first, b"alice"), Some(Variant::Canary));
        assert_eq!(listed.find(0, &first, b"bob"), None);
        // Other lists at the same place, which one document never has: nobody asks them.
        assert_eq!(listed.find(0, &other, b"alice"), Some(Variant::Canary));
        assert_eq!(listed.find(0, &other, b"bob"), None);
        assert_eq!(listed.find(1, &other, b"alice"), Some(Variant::Stable));
        assert_eq!(Listed::default().find(0, &other, b"alice"), Some(Variant::Stable));
    }

    #[test]
    fn an_id_that_is_too_long_is_looked_for_each_time() {
        let long = "x".repeat(LONGEST + 1);
        let listed = Listed::default();
        assert_eq!(listed.find(0, &lists(&[&long], &[]), long.as_bytes()), Some(Variant::Canary));
        assert_eq!(listed.find(0, &lists(&["a"], &[]), long.as_bytes()), None);
        let longest = &long[1..];
        assert_eq!(
            listed.find(0, &lists(&[longest], &[]), longest.as_bytes()),
            Some(Variant::Canary)
        );
        assert_eq!(listed.find(0, &lists(&["a"], &[]), longest.as_bytes()), Some(Variant::Canary));
    }

    #[test]
    fn nobody_gets_the_side_of_another() {
        // More users than there is room for; a third of them on no list, in two rollouts.
        let ids: Vec<String> = (0..4_000).map(|user| format!("user-{user}")).collect();
        let side = |rollout: usize, user: usize| match (rollout + user) % 3 {
            0 => None,
            1 => Some(Variant::Canary),
            _ => Some(Variant::Stable),
        };
        let of = |rollout: usize, wanted: Variant| -> Vec<&str> {
            let listed = (0..ids.len()).filter(|user| side(rollout, *user) == Some(wanted));
            listed.map(|user| ids[user].as_str()).collect()
        };
        let both = [0, 1]
            .map(|rollout| lists(&of(rollout, Variant::Canary), &of(rollout, Variant::Stable)));
        let listed = Listed::default();
        for step in 0..20_000 {
            let (rollout, user) = (step % 2, (step * 37 + step / 3) % ids.len());
            let found = listed.find(rollout, &both[rollout], ids[user].as_bytes());
            assert_eq!(found, side(rollout, user), "{user} in {rollout}");
        }
    }
}
