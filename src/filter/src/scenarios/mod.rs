//! Whole plugins in several VMs of one fake proxy.

mod calls;
mod configuration;
mod hostile;
mod identity;
mod oracle;
mod proof;
mod requests;
mod responses;
mod sources;
mod testers;
#[cfg(feature = "tripwire")]
mod tripwire;

use core::time::Duration;
use std::rc::Rc;

use crate::fake::{FakeEnd, FakeRequest, FakeResponse, FakeVm, Proxy, Sent};
use crate::host::Answer;
use crate::plugin::Plugin;
use crate::serving::Serving;
use crate::stream::{self, Marked};
use crate::vm::Vm;

const TICK: Duration = Duration::from_millis(100);
const SOURCE: &str = r#"{"formatVersion": "1.0", "source": {"cluster": "serin", "jitter": "0%"}}"#;

/// A document with one rollout for all hosts.
fn document(revision: u64, weight: &str) -> String {
    document_of(revision, &[&rollout("shop", revision, weight, "")])
}

fn document_of(revision: u64, rollouts: &[&str]) -> String {
    let rollouts = rollouts.join(", ");
    format!(r#"{{"formatVersion": "1.0", "revision": {revision}, "rollouts": [{rollouts}]}}"#)
}

/// A rollout for its own host and, as `more` may say, others.
fn rollout(name: &str, revision: u64, weight: &str, more: &str) -> String {
    format!(
        r#"{{"name": "{name}", "revision": {revision}, "hosts": ["{name}.test"], "salt": "{name}",
            "weight": "{weight}", "canaryServes": true, "identity": [{{"header": "x-user-id"}}]{more}}}"#
    )
}

/// One VM with one plugin.
struct Worker {
    host: FakeVm,
    vm: Rc<Vm>,
    plugin: Plugin,
    roots: u32,
}

impl Worker {
    fn start(proxy: &Proxy, config: &str) -> Self {
        let host = proxy.vm();
        let vm = Rc::new(Vm::new(&host));
        let mut plugin = Plugin::new(Rc::clone(&vm), 1);
        assert!(plugin.configure(&host, config.as_bytes()));
        Self { host, vm, plugin, roots: 1 }
    }

    /// Takes a new configuration as a proxy does it: in a new root context; returns the old one.
    fn replace(&mut self, config: &str) -> Plugin {
        self.roots += 1;
        let mut plugin = Plugin::new(Rc::clone(&self.vm), self.roots);
        assert!(plugin.configure(&self.host, config.as_bytes()));
        core::mem::replace(&mut self.plugin, plugin)
    }

    fn reconfigure(&mut self, config: &str) {
        let mut old = self.replace(config);
        old.done(&self.host);
    }

    /// The mark that a user's request to a host gets.
    fn mark(&self, host: &str, user: &str) -> Vec<String> {
        let request =
            FakeRequest::new(&[(":authority", host.as_bytes()), ("x-user-id", user.as_bytes())]);
        self.mark_request(&request);
        request.values("x-serin-variant")
    }

    fn mark_request(&self, request: &FakeRequest) {
        self.begin(request);
    }

    /// A request that is under way, until it is ended.
    fn begin(&self, request: &FakeRequest) -> Begun {
        let serving = Rc::clone(self.plugin.serving());
        let marked = stream::mark(request, &serving, self.vm.counts());
        Begun { serving, marked }
    }

    fn end(&self, begun: &Begun, end: &FakeEnd) {
        if let Some(pending) = &begun.marked.pending {
            stream::end(end, &begun.serving, self.vm.counts(), pending);
        }
    }
}

/// A request between its headers and its end.
struct Begun {
    serving: Rc<Serving>,
    marked: Marked,
}

impl Begun {
    /// What is added to the response.
    fn respond(&self) -> Vec<String> {
        let response = FakeResponse::default();
        stream::respond(&response, &self.marked.set_cookies);
        response.added()
    }
}

/// A proxy with several workers.
struct Lab {
    proxy: Proxy,
    workers: Vec<Worker>,
}

impl Lab {
    fn new(workers: usize, config: &str) -> Self {
        let proxy = Proxy::new();
        let workers = (0..workers).map(|_| Worker::start(&proxy, config)).collect();
        Self { proxy, workers }
    }

    /// Lets time pass, with all VMs ticking.
    fn run(&mut self, time: Duration) {
        self.run_without(&[], time);
    }

    /// The same with some VMs hanging.
    fn run_without(&mut self, hanging: &[usize], time: Duration) {
        for _ in 0..time.as_millis() / TICK.as_millis() {
            self.proxy.pass(TICK);
            for (number, worker) in self.workers.iter_mut().enumerate() {
                if !hanging.contains(&number) {
                    worker.plugin.tick(&worker.host);
                }
            }
        }
    }

    fn tick(&mut self) {
        self.run(TICK);
    }

    /// The one call that is on its way.
    fn sent(&self) -> Sent {
        let sent = self.proxy.take_sent();
        assert_eq!(sent.len(), 1, "{sent:?}");
        sent[0].clone()
    }

    /// Answers a call; the body stands in the proxy while the callback runs.
    fn answer(&mut self, call: &Sent, status: Option<&str>, etag: Option<&str>, body: &[u8]) {
        self.proxy.set_body(body);
        let answer = Answer {
            status: status.map(Into::into),
            etag: etag.map(Into::into),
            body_size: body.len(),
        };
        let worker = &mut self.workers[call.vm];
        worker.plugin.answered(&worker.host, call.token, &answer);
        self.proxy.set_body(b"");
    }

    /// Waits for the next call and answers it with a document.
    fn publish(&mut self, revision: u64, weight: &str) {
        self.publish_json(revision, &document(revision, weight));
    }

    fn publish_json(&mut self, revision: u64, json: &str) {
        let call = self.next_call();
        let etag = format!("\"{revision}\"");
        self.answer(&call, Some("200"), Some(&etag), json.as_bytes());
    }

    fn next_call(&mut self) -> Sent {
        for _ in 0..100 {
            if let Some(call) = self.proxy.take_sent().pop() {
                return call;
            }
            self.tick();
        }
        panic!("nobody asks the source");
    }

    /// The value of the one metric whose name has all these parts.
    fn metric(&self, parts: &[&str]) -> Option<u64> {
        let found = self.proxy.metrics(parts);
        assert!(found.len() < 2, "{found:?}");
        found.first().map(|(_, value)| *value)
    }

    fn answers(&self, result: &str) -> u64 {
        self.metric(&["serin_source_answers", &format!("result=.={result};")]).unwrap_or_default()
    }

    fn marks(&self, user: &str) -> Vec<Vec<String>> {
        self.workers.iter().map(|worker| worker.mark("shop.test", user)).collect()
    }
}
