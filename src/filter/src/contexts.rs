//! The contexts of a VM: a root for each configuration of a plugin, and a stream for each request.
//!
//! It stands in the place of the SDK's dispatcher, which keeps every stream as a boxed object in a
//! hash map and looks it up in several maps at each callback. Here a stream is remembered only for as long as there is something to remember: which root it is of,
//! until its request headers, which most proxies hand over in the very next call; after those what
//! is left to count or to answer, if anything.

use alloc::rc::Rc;
use alloc::vec::Vec;

use serin_document::Slots;

use crate::host::{Host, RequestHeaders, ResponseHeaders, StreamEnd};
use crate::plugin::Plugin;
use crate::serving::Serving;
use crate::stream::{self, Marked};
use crate::vm::Vm;

/// All contexts of a VM. Callbacks for a context that is not among them do nothing.
#[derive(Debug)]
pub struct Contexts {
    /// Made with the first root.
    vm: Option<Rc<Vm>>,
    /// Few: a plugin has one, and a replaced one for as long as it has streams.
    roots: Vec<(u32, Plugin)>,
    /// Streams before their request headers, each with its root.
    begun: Vec<(u32, u32)>,
    /// Streams after them that have something left.
    open: Slots<Open>,
}

/// A stream with something left to count or to answer.
#[derive(Debug)]
struct Open {
    /// What decided its request; a newer document is nothing to it.
    serving: Rc<Serving>,
    marked: Marked,
}

impl Contexts {
    /// No context yet.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "nobody makes one but as a constant")]
    pub const fn new() -> Self {
        Self { vm: None, roots: Vec::new(), begun: Vec::new(), open: Slots::new() }
    }

    /// A context comes into being: a root where `parent` is zero, else a stream of that root.
    pub fn create(&mut self, host: &dyn Host, id: u32, parent: u32) {
        if parent == 0 {
            self.create_root(host, id);
        } else {
            self.begun.push((id, parent));
        }
    }

    /// The plugin of a root context.
    pub fn plugin(&mut self, root: u32) -> Option<&mut Plugin> {
        self.roots.iter_mut().find(|(id, _)| *id == root).map(|(_, plugin)| plugin)
    }

    /// The headers of a stream's request are there.
    pub fn request(&mut self, id: u32, request: &impl RequestHeaders) {
        let Some(root) = self.take_begun(id) else { return };
        let Some((_, plugin)) = self.roots.iter().find(|(known, _)| *known == root) else { return };
        let serving = plugin.serving();
        let marked = stream::mark(request, serving, plugin.vm().counts());
        if marked.pending.is_some() || !marked.set_cookies.is_empty() {
            self.open.insert(id, Open { serving: Rc::clone(serving), marked });
        }
    }

    /// The headers of a stream's response are there.
    pub fn response(&mut self, id: u32, response: &impl ResponseHeaders) {
        if let Some(open) = self.open.find_mut(id, |_| true) {
            stream::respond(response, &core::mem::take(&mut open.marked.set_cookies));
        }
        self.trailers(id, response);
    }

    /// The trailers of a stream's response are there.
    pub fn trailers(&mut self, id: u32, trailers: &impl ResponseHeaders) {
        let open = self.open.find_mut(id, |_| true);
        if let Some(pending) = open.and_then(|open| open.marked.pending.as_mut()) {
            stream::note_status(trailers, pending);
        }
    }

    /// A context is gone. Of a stream, what the proxy knows of its end is counted; one that never had
    /// a request is forgotten. A root's plugin makes room.
    pub fn delete(&mut self, host: &dyn Host, id: u32, end: &impl StreamEnd) {
        if let (Some(Open { serving, marked }), Some(vm)) =
            (self.open.remove(id, |_| true), &self.vm)
            && let Some(pending) = marked.pending
        {
            stream::end(end, &serving, vm.counts(), &pending);
        }
        self.take_begun(id);
        if let Some(place) = self.roots.iter().position(|(known, _)| *known == id) {
            self.delete_root(host, place);
        }
    }

    // A root comes and goes with a configuration, so neither belongs into what every stream runs
    // through.

    #[inline(never)]
    fn create_root(&mut self, host: &dyn Host, id: u32) {
        let vm = self.vm.get_or_insert_with(|| Rc::new(Vm::new(host)));
        self.roots.push((id, Plugin::new(Rc::clone(vm), id)));
    }

    #[inline(never)]
    fn delete_root(&mut self, host: &dyn Host, place: usize) {
        self.roots.swap_remove(place).1.done(host);
    }

    /// Takes a stream out of those that have just begun, and gives its root.
    fn take_begun(&mut self, id: u32) -> Option<u32> {
        // The newest first: a proxy goes on with the context that it has just made.
        let place = self.begun.iter().rposition(|(known, _)| *known == id)?;
        Some(self.begun.swap_remove(place).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{FakeEnd, FakeRequest, FakeResponse, FakeVm, Proxy};

    const CONFIG: &str = r#"{"formatVersion": "1.0", "revision": 1, "rollouts": [{
        "name": "shop", "revision": 1, "hosts": ["*"], "salt": "s", "weight": "100%",
        "canaryServes": true, "identity": [{"header": "x-user-id"}]}]}"#;

    fn started() -> (FakeVm, Contexts) {
        let host = Proxy::new().vm();
        let mut contexts = Contexts::new();
        contexts.create(&host, 1, 0);
        assert!(contexts.plugin(1).unwrap().configure(&host, CONFIG.as_bytes()));
        (host, contexts)
    }

    fn request() -> FakeRequest {
        FakeRequest::new(&[(":authority", b"shop.test"), ("x-user-id", b"alice")])
    }

    fn good() -> FakeEnd {
        FakeEnd { code: Some(200), ..FakeEnd::default() }
    }

    #[test]
    fn streams_that_overlap_are_told_apart_and_leave_nothing() {
        let (host, mut contexts) = started();
        contexts.create(&host, 2, 1);
        contexts.create(&host, 3, 1);
        for id in [2, 3] {
            let request = request();
            contexts.request(id, &request);
            assert_eq!(request.values("x-serin-variant"), ["canary"], "{id}");
        }
        assert!(contexts.begun.is_empty());
        for id in [2, 3] {
            let end = good();
            contexts.delete(&host, id, &end);
            assert_eq!(end.read(), ["flags", "code"]);
        }
        assert!(contexts.open.is_empty());
    }

    #[test]
    fn a_stream_is_forgotten_whether_or_not_it_had_a_request() {
        let (host, mut contexts) = started();
        contexts.create(&host, 2, 1);
        contexts.create(&host, 3, 1);
        contexts.request(3, &request());
        contexts.delete(&host, 2, &good());
        contexts.delete(&host, 3, &good());
        assert!(contexts.begun.is_empty() && contexts.open.is_empty());
        let end = good();
        contexts.delete(&host, 3, &end);
        assert!(end.read().is_empty());
    }

    #[test]
    fn a_stream_ends_by_the_document_it_began_with() {
        let (host, mut contexts) = started();
        contexts.create(&host, 2, 1);
        contexts.request(2, &request());
        contexts.create(&host, 3, 0);
        assert!(contexts.plugin(3).unwrap().configure(&host, b"{}"));
        contexts.delete(&host, 1, &good());
        assert!(contexts.plugin(1).is_none());
        let end = good();
        contexts.delete(&host, 2, &end);
        assert_eq!(end.read(), ["flags", "code"]);
    }

    #[test]
    fn grpc_has_its_status_in_trailers_or_in_headers_alone() {
        let (host, mut contexts) = started();
        for (headers, trailers, read) in [
            (None, Some(14), ["flags"].as_slice()),
            (Some(14), None, &["flags"]),
            (None, None, &["flags", "grpc_status"]),
        ] {
            contexts.create(&host, 2, 1);
            let grpc = ("content-type", &b"application/grpc"[..]);
            let user = [(":authority", &b"shop.test"[..]), ("x-user-id", b"alice"), grpc];
            contexts.request(2, &FakeRequest::new(&user));
            contexts.response(2, &FakeResponse::of_grpc(headers));
            contexts.trailers(2, &FakeResponse::of_grpc(trailers));
            let end = FakeEnd { grpc_status: Some(2), ..good() };
            contexts.delete(&host, 2, &end);
            assert_eq!(end.read(), read);
        }
        contexts.trailers(2, &FakeResponse::of_grpc(None));
    }

    #[test]
    fn a_context_that_nobody_knows_does_nothing() {
        let (host, mut contexts) = started();
        contexts.create(&host, 5, 4);
        for id in [4, 5, 6] {
            let request = request();
            contexts.request(id, &request);
            assert!(request.writes().is_empty());
            contexts.delete(&host, id, &good());
        }
    }
}
