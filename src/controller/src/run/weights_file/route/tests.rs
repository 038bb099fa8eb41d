use serin_assignment::Weight;
use tempfile::TempDir;

use super::*;
use crate::engine::carried::{Stage, at, conforms, rolled_back};
use crate::release::file::{Reload, Template};

const TEMPLATE: &str = "canary {{ canary }} marked {{ marked_canary }}\n";

struct Proxy {
    scratch: TempDir,
    route: Route,
}

impl Proxy {
    /// One that takes over its file by copying it, unless a file `broken` is there. Its first command
    /// that finds a file `hangs` makes it `hanging` and waits until that is gone.
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        let script = format!(
            "mv {} {hanging} 2>/dev/null && while test -e {hanging}; do sleep 0.05; done
             test ! -e {} && cp {} {} && echo >> {}",
            at("hangs").display(),
            at("broken").display(),
            at("weights").display(),
            at("taken").display(),
            at("times").display(),
            hanging = at("hanging").display(),
        );
        let file = WeightsFile {
            template: Template::new("t", TEMPLATE.to_owned()).unwrap(),
            path: at("weights"),
            reload: Some(Reload {
                program: "/bin/sh".to_owned(),
                arguments: vec!["-c".to_owned(), script],
                timeout: Duration::from_secs(30),
            }),
        };
        let route = Route::new(file);
        Self { scratch, route }
    }

    /// The same proxy for a process that has just started.
    fn anew(self) -> Self {
        let file = WeightsFile::clone(&self.route.known.kept().file);
        Self { route: Route::new(file), ..self }
    }

    fn text(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.scratch.path().join(name)).ok()
    }

    fn put(&self, name: &str, text: &str) {
        std::fs::write(self.scratch.path().join(name), text).unwrap();
    }

    fn remove(&self, name: &str) {
        std::fs::remove_file(self.scratch.path().join(name)).unwrap();
    }

    async fn carry(&self, traffic: Traffic, change: Change) -> Result<(), NotCarried> {
        self.route.carry(traffic.into(), change).await
    }
}

impl Stage for Proxy {
    fn carried(&self) -> &dyn Carry {
        &self.route
    }

    fn share(&self) -> Option<Weight> {
        let file = Arc::clone(&self.route.known.kept().file);
        let found = file.template.read(&self.text("taken")?)?.integers();
        found.weight().filter(|_| found.reaches_canary())
    }

    fn writes(&self) -> usize {
        self.text("times").map_or(0, |times| times.lines().count())
    }

    /// Who writes into the file has the proxy take it too.
    fn by_hand(&self, weight: Weight) {
        let file = Arc::clone(&self.route.known.kept().file);
        let text = file.template.render(Wanted::Share(weight)).unwrap();
        self.put("weights", &text);
        self.put("taken", &text);
    }

    fn takes(&self, takes: bool) {
        if takes { self.remove("broken") } else { self.put("broken", "") }
    }

    fn anew(self) -> Self {
        Proxy::anew(self)
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a file may be absent")]
fn text(canary: u16, marked: &str) -> Option<String> {
    Some(format!("canary {canary} marked {marked}\n"))
}

/// There is no other writer to meet: a file has no versions, and is written as a whole.
#[tokio::test]
async fn a_file_carries_weights_as_objects_do() {
    conforms(async || Proxy::new()).await;
}

#[tokio::test]
async fn weights_are_written_and_taken_over() {
    let proxy = Proxy::new();
    assert_eq!(proxy.route.in_force().await, Ok(None));
    assert_eq!(proxy.route.seen(at("5%", 1)).await, RouteSeen::AsSet, "written in the same pass");
    proxy.carry(at("5%", 1), Change::More).await.unwrap();
    assert!(proxy.route.has(at("5%", 1)) && !proxy.route.has(at("5%", 2)));
    assert_eq!(
        [proxy.text("weights"), proxy.text("taken")],
        [text(500, "canary"), text(500, "canary")]
    );
    proxy.carry(rolled_back(2), Change::Less).await.unwrap();
    assert_eq!(proxy.text("taken"), text(0, "stable"));
    assert_eq!(proxy.route.in_force().await, Ok(Some(Wanted::Nobody)));
}

#[tokio::test]
async fn nothing_is_written_where_nothing_changes() {
    let proxy = Proxy::new();
    proxy.carry(at("5%", 1), Change::More).await.unwrap();
    proxy.put("taken", "untouched");
    proxy.carry(at("5%", 1), Change::None).await.unwrap();
    proxy.carry(at("5%", 2), Change::More).await.unwrap();
    assert_eq!(proxy.text("taken").as_deref(), Some("untouched"));
    assert!(proxy.route.has(at("5%", 2)));
}

#[tokio::test]
async fn a_process_that_starts_has_the_file_taken_over_once() {
    let proxy = Proxy::new();
    proxy.carry(at("5%", 1), Change::More).await.unwrap();
    // The one before was killed before its command.
    proxy.put("taken", "old");
    let proxy = proxy.anew();
    assert!(!proxy.route.has(at("5%", 1)));
    proxy.carry(at("5%", 1), Change::None).await.unwrap();
    assert_eq!(proxy.text("taken"), text(500, "canary"));
}

#[tokio::test]
async fn a_rise_that_was_never_written_is_not_taken_for_a_persons_change() {
    let proxy = Proxy::new();
    proxy.carry(at("5%", 1), Change::More).await.unwrap();
    let noted = proxy.route.known();
    // The next rise was stored, and then the process was killed.
    let proxy = proxy.anew();
    assert_eq!(
        proxy.route.seen(at("10%", 2)).await,
        RouteSeen::Lowered { weight: "5%".parse().unwrap() },
        "nobody has noted what was there"
    );
    proxy.route.go_on_from(noted);
    assert_eq!(proxy.route.seen(at("10%", 2)).await, RouteSeen::AsSet);
    proxy.put("weights", "canary 200 marked canary\n");
    let by_hand = RouteSeen::Lowered { weight: "2%".parse().unwrap() };
    assert_eq!(proxy.route.seen(at("10%", 2)).await, by_hand);
    proxy.carry(at("10%", 2), Change::More).await.unwrap_err();
    proxy.put("weights", "canary 500 marked canary\n");
    proxy.carry(at("10%", 2), Change::More).await.unwrap();
    assert_eq!(proxy.text("taken"), text(1_000, "canary"));
}

#[tokio::test]
async fn a_rise_that_the_proxy_does_not_take_is_not_left_in_the_file() {
    let proxy = Proxy::new();
    proxy.carry(at("5%", 1), Change::More).await.unwrap();
    proxy.put("broken", "");
    let why = proxy.carry(at("25%", 2), Change::More).await.unwrap_err();
    assert!(why.why().contains("the proxy has not taken it: /bin/sh: exit status: 1"), "{why}");
    assert_eq!(proxy.text("weights"), text(500, "canary"));
    assert!(!proxy.route.has(at("25%", 2)));
    // Nor is it a person who has lowered it, for a process that starts now.
    let noted = proxy.route.known();
    let proxy = proxy.anew();
    proxy.route.go_on_from(noted);
    proxy.carry(at("25%", 2), Change::More).await.unwrap_err();
    assert_eq!(proxy.route.seen(at("25%", 2)).await, RouteSeen::AsSet);
    proxy.remove("broken");
    proxy.carry(at("25%", 2), Change::More).await.unwrap();
    assert_eq!(proxy.text("taken"), text(2_500, "canary"));
}

#[tokio::test]
async fn a_rollback_does_not_wait_for_the_command_of_a_rise() {
    let proxy = Proxy::new();
    proxy.carry(at("5%", 1), Change::More).await.unwrap();
    proxy.put("hangs", "");
    let why = proxy.carry(at("25%", 2), Change::More).await.unwrap_err();
    assert!(matches!(why, NotCarried::UnderWay(_)), "{why:?}");
    assert_eq!(proxy.carry(at("25%", 2), Change::More).await, Err(why), "it is still under way");
    // Its own command does not hang.
    proxy.carry(rolled_back(3), Change::Less).await.unwrap();
    assert_eq!(
        [proxy.text("weights"), proxy.text("taken")],
        [text(0, "stable"), text(0, "stable")]
    );
}

#[tokio::test]
async fn a_command_that_takes_long_is_asked_for_its_outcome_again() {
    let proxy = Proxy::new();
    proxy.carry(at("5%", 1), Change::More).await.unwrap();
    proxy.put("hangs", "");
    proxy.carry(at("25%", 2), Change::More).await.unwrap_err();
    proxy.remove("hanging");
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while proxy.carry(at("25%", 2), Change::More).await.is_err() {
        assert!(std::time::Instant::now() < end);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(proxy.text("taken"), text(2_500, "canary"));
}

#[tokio::test]
async fn a_rollback_that_the_proxy_does_not_take_stays_in_the_file_until_it_does() {
    let proxy = Proxy::new();
    proxy.carry(at("5%", 1), Change::More).await.unwrap();
    proxy.put("broken", "");
    proxy.carry(rolled_back(2), Change::Less).await.unwrap_err();
    assert_eq!(proxy.text("weights"), text(0, "stable"));
    assert_eq!(proxy.text("taken"), text(500, "canary"));
    proxy.remove("broken");
    proxy.carry(rolled_back(2), Change::None).await.unwrap();
    assert_eq!(proxy.text("taken"), text(0, "stable"));
}

#[tokio::test]
async fn a_weight_that_is_lowered_by_hand_is_told_and_kept_on_the_way_up() {
    let proxy = Proxy::new();
    proxy.carry(at("25%", 1), Change::More).await.unwrap();
    proxy.put("weights", "canary 100 marked canary\n");
    let one = "1%".parse().unwrap();
    assert_eq!(proxy.route.seen(at("25%", 1)).await, RouteSeen::Lowered { weight: one });
    proxy.carry(at("25%", 1), Change::None).await.unwrap();
    let why = proxy.carry(at("50%", 2), Change::More).await.unwrap_err();
    assert!(why.why().contains("by hand"), "{why}");
    // Fewer than now, and still more than that.
    proxy.carry(at("5%", 2), Change::Less).await.unwrap();
    assert_eq!(proxy.text("weights"), text(100, "canary"));
    proxy.carry(rolled_back(3), Change::Less).await.unwrap();
    assert_eq!(proxy.text("taken"), text(0, "stable"));
}

#[tokio::test]
async fn what_else_was_done_to_the_file_is_put_back() {
    let proxy = Proxy::new();
    proxy.carry(at("25%", 1), Change::More).await.unwrap();
    for other in ["", "something else\n", "canary 9000 marked canary\n"] {
        proxy.put("weights", other);
        assert_eq!(proxy.route.seen(at("25%", 1)).await, RouteSeen::AsSet, "{other}");
        proxy.carry(at("25%", 1), Change::None).await.unwrap();
        assert_eq!(proxy.text("weights"), text(2_500, "canary"), "{other}");
    }
    proxy.put("weights", "something else\n");
    assert!(proxy.route.in_force().await.is_err());
}

#[tokio::test]
async fn another_template_is_rendered_and_taken_over() {
    let proxy = Proxy::new();
    proxy.carry(at("25%", 1), Change::More).await.unwrap();
    let mut file = WeightsFile::clone(&proxy.route.known.kept().file);
    proxy.route.set(file.clone());
    assert!(proxy.route.has(at("25%", 1)), "it is the same");
    file.template = Template::new("t", "{{ canary_percent }}\n".to_owned()).unwrap();
    proxy.route.set(file);
    proxy.carry(at("25%", 1), Change::None).await.unwrap();
    assert_eq!(proxy.text("taken").as_deref(), Some("25%\n"));
}
