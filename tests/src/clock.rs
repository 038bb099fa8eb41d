//! One clock for all that is compared: revisions, requests and polls.

use std::sync::LazyLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The wall clock when the process first asked, and the monotonic clock at that moment.
static START: LazyLock<(u64, Instant)> = LazyLock::new(|| {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (micros(since_1970), Instant::now())
});

/// Microseconds since 1970. Monotonic within a process, so that nothing is received before it was
/// sent, and comparable with the controller's stamps on the same machine.
#[must_use]
pub fn now_us() -> u64 {
    let (wall, instant) = *START;
    wall.saturating_add(micros(instant.elapsed()))
}

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
