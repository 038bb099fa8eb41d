//! How many files this process may have open: every connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit as far as the system lets a process raise it, and gives the one in force;
/// `None` where there is none. It begins low for programs that use `select`, which this is not.
pub(crate) fn raise() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return current;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(error) => {
            tracing::warn!(%error, ?current, ?maximum, "cannot raise the limit of open files");
            current
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_as_far_as_it_goes() {
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        // Still enough for the tests that run beside this one.
        let lower = maximum.map_or(4096, |maximum| maximum - 1);
        setrlimit(Resource::Nofile, Rlimit { current: Some(lower), maximum }).unwrap();
        assert_eq!(raise(), maximum);
        assert_eq!(getrlimit(Resource::Nofile).current, maximum);
    }
}
