//! A load as fast as it is answered, and what it says of the server.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hyper::Method;
use serin_tests::http::{self, Connection};
use tokio::task::JoinSet;

/// Longer than any answer takes.
const LIMIT: Duration = Duration::from_secs(10);

/// One round with one server.
#[derive(Debug)]
pub(crate) struct Round {
    took: Duration,
    /// How long each answer took, sorted.
    answers: Vec<Duration>,
    /// The server's processor time.
    pub(crate) processor: Duration,
}

/// All rounds with one server.
#[derive(Debug, Default)]
pub(crate) struct Measured(Vec<Round>);

impl Round {
    /// Asks over so many connections for so long.
    pub(crate) async fn run(port: u16, connections: usize, length: Duration) -> Result<Self> {
        let start = Instant::now();
        let mut lanes = JoinSet::new();
        for lane in 0..connections {
            lanes.spawn(ask(port, lane, start + length));
        }
        let mut answers = Vec::new();
        while let Some(lane) = lanes.join_next().await {
            answers.extend(lane??);
        }
        let took = start.elapsed();
        answers.sort_unstable();
        Ok(Self { took, answers, processor: Duration::ZERO })
    }

    fn rate(&self) -> f64 {
        self.requests() / self.took.as_secs_f64()
    }

    fn processor_us(&self) -> f64 {
        self.processor.as_secs_f64() * 1e6 / self.requests()
    }

    fn quantile_us(&self, share: f64) -> f64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a place among the answers"
        )]
        let place = ((self.requests() - 1.0) * share) as usize;
        self.answers.get(place).map_or(0.0, |answer| answer.as_secs_f64() * 1e6)
    }

    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    fn requests(&self) -> f64 {
        self.answers.len().max(1) as f64
    }
}

impl Measured {
    pub(crate) fn add(&mut self, round: Round) {
        self.0.push(round);
    }

    /// The cells of its line.
    pub(crate) fn told(&self) -> String {
        let median = |of: &dyn Fn(&Round) -> f64| {
            let mut all: Vec<f64> = self.0.iter().map(of).collect();
            all.sort_by(f64::total_cmp);
            all.get(all.len() / 2).copied().unwrap_or_default()
        };
        format!(
            "{:.0} | {:.0} µs | {:.0} µs | {:.1} µs",
            median(&Round::rate),
            median(&|round| round.quantile_us(0.5)),
            median(&|round| round.quantile_us(0.99)),
            median(&Round::processor_us),
        )
    }
}

/// One connection: as NGINX asks, with a request's usual headers.
async fn ask(port: u16, lane: usize, until: Instant) -> Result<Vec<Duration>> {
    let mut connection = Connection::to(port).await?;
    let mut took = Vec::new();
    let mut number = lane;
    while Instant::now() < until {
        number += 1;
        let user = format!("user-{number:05}");
        let headers = [
            ("host", "serin"),
            ("x-original-url", "https://shop.example.com/checkout/42?step=2"),
            ("x-real-ip", "203.0.113.7"),
            ("user-agent", "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101"),
            ("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"),
            ("accept-language", "en-GB,en;q=0.5"),
            ("cookie", "theme=dark; lang=en; session=5d4f8c7b9a"),
            ("x-request-id", "4bf92f35-77b3-4da6-a3ce-929d0e0e4736"),
            ("x-user-id", &user),
        ];
        let request = http::request(Method::GET, "/v1/decide/original", &headers, "")?;
        let start = Instant::now();
        let answer = connection.send(request, LIMIT).await?;
        took.push(start.elapsed());
        ensure!(matches!(answer.status, 200 | 204), "status {}", answer.status);
        let marked = answer.header("x-serin-variant").is_some();
        ensure!(marked || answer.status == 204, "no mark");
    }
    Ok(took)
}
