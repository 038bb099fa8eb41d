//! Decisions for proxies that cannot run the filter.

use super::*;

/// A request for `shop.example.com` by this user, as NGINX tells of it.
async fn decide(served: &Served, user: &str) -> Answered {
    let headers = format!("x-original-url: http://shop.example.com/\r\nx-user-id: {user}\r\n");
    served.ask("GET /v1/decide/original", &headers).await
}

#[tokio::test]
async fn a_request_is_marked_by_the_document_as_it_is_served() {
    let served = serve_bench(true).await;
    let document = served.ask("GET /v1/assignment", "").await.json();
    let salt = document["rollouts"][0]["salt"].as_str().unwrap().parse().unwrap();
    let weight = "5%".parse().unwrap();
    for number in 0..100 {
        let user = format!("user-{number}");
        let answer = decide(&served, &user).await;
        let expected = serin_assignment::assign(&salt, user.as_bytes()).variant(weight);
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
        assert_eq!(answer.header("x-serin-variant"), Some(expected.as_str()), "{user}");
    }
}

#[tokio::test]
async fn before_the_first_document_nothing_is_marked_and_nothing_fails() {
    let served = serve_bench(false).await;
    let answer = decide(&served, "alice").await;
    assert_eq!((answer.status, answer.header("x-serin-variant")), (200, None));
}

#[tokio::test]
async fn a_revision_is_shown_as_live_only_of_rollouts_that_were_asked_about() {
    let served = serve_bench(true).await;
    let shown = async || served.ask("GET /metrics", "").await.body;
    assert!(!shown().await.contains("serin_rollout_revision{"));
    decide(&served, "alice").await;
    let text = shown().await;
    let revision = served.bench.entry().unwrap().revision;
    let line = text.lines().find(|line| line.starts_with("serin_rollout_revision{")).unwrap();
    assert!(line.ends_with(&format!(" {revision}")), "{line}");
    assert!(text.ends_with("# EOF\n") && text.matches("# EOF").count() == 1, "{text}");
}
