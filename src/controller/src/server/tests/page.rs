//! The page, and the events that it lives by.

use std::io::{BufRead as _, BufReader};

use super::*;

const BROWSER: &str = "accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";

/// Reads events as they come.
struct Events(BufReader<TcpStream>);

impl Events {
    fn open(address: SocketAddr, path: &str) -> Self {
        let mut connection = TcpStream::connect(address).unwrap();
        connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        write!(connection, "GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        Self(BufReader::new(connection))
    }

    /// The first line of the answer.
    fn begins(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line
    }

    /// The next piece of news; `None` once the server has ended the answer.
    fn next(&mut self) -> Option<Value> {
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).unwrap() == 0 || line == "0\r\n" {
                return None;
            }
            if let Some(data) = line.strip_prefix("data: ") {
                return Some(serde_json::from_str(data).unwrap());
            }
        }
    }

    fn until(&mut self, so: impl Fn(&Value) -> bool) -> Value {
        loop {
            let news = self.next().expect("the answer ended");
            if so(&news) {
                return news;
            }
        }
    }
}

#[tokio::test]
async fn browsers_get_the_page_with_all_its_files_and_nothing_else_may_be_loaded() {
    let served = serve_bench(true).await;
    let page = served.ask("GET /", BROWSER).await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("vary"), Some("accept"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
    let files: Vec<&str> = page.body.split("\"/page/").skip(1).collect();
    assert!(files.len() > 5, "{}", page.body);
    for file in files {
        let file = file.split('"').next().unwrap();
        let answer = served.ask(&format!("GET /page/{file}"), "").await;
        assert_eq!(
            (answer.status, answer.header("x-content-type-options")),
            (200, Some("nosniff"))
        );
        let known = format!("if-none-match: {}\r\n", answer.header("etag").unwrap());
        assert_eq!(served.ask(&format!("GET /page/{file}"), &known).await.status, 304);
    }
    assert_eq!(served.ask("GET /page/other.js", "").await.status, 404);
    let program = served.ask("GET /", "accept: */*\r\n").await;
    assert_eq!(program.header("vary"), Some("accept"));
    assert!(program.json()["paths"].is_array());
}

#[tokio::test]
async fn whoever_watches_hears_of_each_change_until_the_controller_ends() {
    let served = serve_bench(true).await;
    let address = served.address;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let watching = spawn_blocking(move || {
        let mut events = Events::open(address, "/v1/events?release=demo/shop");
        let first = events.next().unwrap();
        assert_eq!(
            (&first["whole"], &first["releases"][0]["name"]),
            (&true.into(), &"shop".into())
        );
        assert_eq!(first["release"]["weight"], "5%");
        assert!(first["release"]["trail"]["points"].is_array());
        tell.send(()).unwrap();
        let paused = events.until(|news| news["release"]["paused"] == "person");
        assert_eq!(paused["whole"], false);
        assert!(paused["release"]["trail"].is_null(), "what was told is not told again");
        let last = paused["release"]["decisions"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(last["given"]["by"], "Ada (127.0.0.1)");
        assert!(last["inputs"].is_null());
        tell.send(()).unwrap();
        while events.next().is_some() {}
    });
    told.recv().await.unwrap();
    let paused = served.ask("POST /v1/releases/demo/shop/pause", "serin-by: Ada\r\n").await;
    assert_eq!(paused.status, 200);
    told.recv().await.unwrap();
    served.stop.send_replace(true);
    watching.await.unwrap();
    served.task.await.unwrap();
}

#[tokio::test]
async fn people_who_watch_leave_places_for_proxies() {
    let served = serve_within(Limits { connections: 7, ..AMPLE }, true).await;
    let address = served.address;
    let first = spawn_blocking(move || {
        let mut events = Events::open(address, "/v1/events");
        assert!(events.next().is_some());
        events
    });
    let first = first.await.unwrap();
    let second = served.ask("GET /v1/events", "").await;
    assert_eq!(second.status, 503, "{second:?}");
    assert_eq!(served.ask("GET /v1/assignment", "").await.status, 200);
    drop(first);
    // It is noticed with the next event.
    let waiting = spawn_blocking(move || {
        let start = Instant::now();
        while !Events::open(address, "/v1/events").begins().contains(" 200 ") {
            assert!(start.elapsed() < Duration::from_secs(20), "the place is never free again");
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    waiting.await.unwrap();
}

#[tokio::test]
async fn a_page_is_told_what_it_may_do() {
    let served = serve_bench(true).await;
    let own = served.ask("GET /v1/access", "sec-fetch-site: same-origin\r\n").await.json();
    assert_eq!(
        (&own["commands"], &own["token"], &own["objects"]),
        (&true.into(), &true.into(), &false.into())
    );
    let wrong = served.ask("GET /v1/access", "authorization: Bearer wrong\r\n").await.json();
    assert_eq!(wrong["commands"], false);
    assert!(wrong["why"].as_str().unwrap().contains("token"), "{wrong}");
    let events = served.ask("GET /v1/events?release=shop", "").await;
    assert_eq!(events.status, 400);
}
