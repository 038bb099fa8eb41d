//! The two example releases: what is counted, how the weight rose, and what harm does.

/// Users behind each release.
pub(crate) const USERS: f64 = 20e6;
/// Their requests a second, both sides together, in the mean of a day.
pub(crate) const REQUESTS_PER_SECOND: f64 = 6_000.0;
/// What a harmful version leaves of each engagement: 3 % are lost, and no error shows it.
pub(crate) const HARM: f64 = 0.97;

/// A release, and the metrics that its gates count.
#[derive(Debug)]
pub(crate) struct Example {
    /// Its file's name in `tests/replay`, without the extension.
    pub(crate) name: &'static str,
    /// The weights that traffic had, each with its hours.
    pub(crate) course: &'static [(f64, f64)],
    /// What `serin plan` is told of the gates.
    pub(crate) rates: &'static [&'static str],
    /// The counters; the first one counts the requests.
    pub(crate) counters: &'static [Counter],
}

/// A counter of the application.
#[derive(Debug)]
pub(crate) struct Counter {
    /// The metric, without the `_total` of a counter.
    pub(crate) metric: &'static str,
    /// What it is a part of, by its place in the list; the requests themselves are part of nothing.
    pub(crate) part: Option<Part>,
}

/// Which part of another counter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    /// Of which one.
    pub(crate) of: usize,
    /// The share, in the mean over users.
    pub(crate) share: f64,
    /// The users' propensity behind it; `None` where all are alike.
    pub(crate) event: Option<usize>,
    /// Whether a harmful version lowers it.
    pub(crate) harmed: bool,
}

impl Counter {
    const fn all(metric: &'static str) -> Self {
        Self { metric, part: None }
    }

    const fn part(metric: &'static str, of: usize, share: f64) -> Self {
        Self { metric, part: Some(Part { of, share, event: None, harmed: false }) }
    }

    const fn by_users(metric: &'static str, part: Part) -> Self {
        Self { metric, part: Some(part) }
    }
}

/// A change of a feed's ranking: 1 % for 36 h, then wider.
pub(crate) const FEED_RANKING: Example = Example {
    name: "feed-ranking",
    course: &[(0.01, 36.1), (0.10, 5.1), (0.50, 5.1), (1.0, 1.7)],
    rates: &["errors=0.5%", "engagement=10%"],
    counters: &[
        Counter::all("feed_views"),
        Counter::by_users(
            "feed_errors",
            Part { of: 0, share: 0.005, event: Some(0), harmed: false },
        ),
        Counter::by_users(
            "feed_engagements",
            Part { of: 0, share: 0.1, event: Some(1), harmed: true },
        ),
    ],
};

/// A change of recommendations: 2 % for 30 h, judged by clicks, plays and ratings, then wider.
pub(crate) const RECOMMENDATIONS: Example = Example {
    name: "recommendations",
    course: &[(0.02, 30.1), (0.10, 8.1), (0.50, 8.1), (1.0, 1.7)],
    // Of 20 recommendations one is rated.
    rates: &["errors=0.5%", "click-through=6%", "play-rate=4%", "satisfaction=30%@300"],
    counters: &[
        Counter::all("recommendations_shown"),
        Counter::by_users(
            "recommendation_errors",
            Part { of: 0, share: 0.005, event: Some(0), harmed: false },
        ),
        Counter::by_users(
            "recommendation_clicks",
            Part { of: 0, share: 0.06, event: Some(1), harmed: true },
        ),
        Counter::by_users(
            "recommendation_plays",
            Part { of: 0, share: 0.04, event: Some(2), harmed: true },
        ),
        Counter::part("recommendation_ratings", 0, 0.05),
        Counter::by_users(
            "recommendation_satisfied",
            Part { of: 4, share: 0.3, event: Some(3), harmed: true },
        ),
    ],
};
