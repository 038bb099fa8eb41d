//! Clients that take up connections.

use super::*;

fn limits(connections: usize, sending: Duration) -> Limits {
    Limits { connections, sending, head: AMPLE.head }
}

#[tokio::test]
async fn a_request_that_is_never_sent_to_its_end_is_closed() {
    let served = serve_within(limits(10, Duration::from_millis(300)), true).await;
    let asked = Instant::now();
    for half in ["", "GET /healthz HTTP/1.1\r\nhost: loc"] {
        let answer = send_and_read(served.address, half).await;
        assert!(!answer.contains("200 OK"), "{half:?}: {answer}");
    }
    let body = "POST /v1/releases/demo/shop/pause HTTP/1.1\r\nhost: localhost\r\n\
                content-length: 5\r\n\r\nab";
    let answer = send_and_read(served.address, body).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("\"error\""), "{answer}");
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn a_held_get_outlasts_the_time_to_send_one() {
    let served = serve_within(limits(10, Duration::from_millis(100)), true).await;
    let etag = served.ask("GET /v1/assignment", "").await.header("etag").unwrap().to_owned();
    let known = format!("if-none-match: {etag}\r\n");
    let answer = served.ask("GET /v1/assignment?wait=500ms", &known).await;
    assert_eq!(answer.status, 304);
}

#[tokio::test]
async fn a_connection_above_the_limit_waits_for_one_to_end() {
    let served = serve_within(limits(2, Duration::from_mins(1)), true).await;
    let idle = [(); 2].map(|()| TcpStream::connect(served.address).unwrap());
    let further = served.ask("GET /healthz", "");
    let (ended, answer) = tokio::join!(
        async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            drop(idle);
            Instant::now()
        },
        async { (further.await, Instant::now()) },
    );
    assert_eq!(answer.0.status, 200);
    assert!(answer.1 > ended, "it was answered while the others were open");
}

#[tokio::test]
async fn a_client_that_never_ends_does_not_keep_the_server_from_ending() {
    let served = serve_bench(true).await;
    let mut half = TcpStream::connect(served.address).unwrap();
    half.write_all(b"GET /healthz HTTP/1.1\r\nhost: loc").unwrap();
    // A second request is answered, so the first connection was accepted.
    assert_eq!(served.ask("GET /healthz", "").await.status, 200);
    let asked = Instant::now();
    served.stop.send_replace(true);
    served.task.await.unwrap();
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert!(TcpStream::connect(served.address).is_err(), "the port is still open");
}
