//! How a request ended: what the proxy knows at the end of its stream, put into a class.

use alloc::borrow::Cow;

use serin_document::{LatencyBounds, metrics};

use crate::host::StreamEnd;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It was answered well, and slower than no bound.
    Ok,
    /// It failed, however fast.
    Error,
    /// Its caller left first, which says nothing about who was to answer.
    Gone,
    /// It was answered well, and was slower than the bound at this place and than no later one.
    Over(usize),
}

impl Class {
    /// How many there are, those beyond each bound included.
    pub const COUNT: usize = 3 + LatencyBounds::MAX;

    /// Its number, below [`COUNT`](Self::COUNT).
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Ok => 0,
            Self::Error => 1,
            Self::Gone => 2,
            Self::Over(bound) => 3 + bound,
        }
    }

    /// The name that metrics carry for a class by its number; none where there is no such bound.
    #[must_use]
    pub fn name(index: usize, bounds: Option<&LatencyBounds>) -> Option<Cow<'static, str>> {
        match index {
            0 => Some(metrics::OK.into()),
            1 => Some(metrics::ERROR.into()),
            2 => Some(metrics::GONE.into()),
            _ => Some(metrics::over(*bounds?.as_slice().get(index - 3)?).into()),
        }
    }
}

/// Where a request's outcome stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// In the HTTP status.
    Http,
    /// In `grpc-status`, as far as it has come: a failure has the HTTP status 200 all the same.
    Grpc(Option<u64>),
}

impl Protocol {
    /// The protocol of a request with this `content-type`. gRPC-Web has its status in the body,
    /// where nobody looks, and goes by the HTTP status.
    #[must_use]
    pub fn of(content_type: Option<&[u8]>) -> Self {
        match content_type.and_then(|value| value.strip_prefix(b"application/grpc")) {
            Some([] | [b'+' | b';' | b' ', ..]) => Self::Grpc(None),
            _ => Self::Http,
        }
    }
}

/// Flags of a stream that its caller ended: the connection went (DC), the stream was reset (DR), or
/// what came was no HTTP any more (DPE).
const CALLER_LEFT: u64 = 0x4000 | 0x1000_0000 | 0x4_0000;

/// Flags of an answer that did not come whole: the upstream took too long (UT, UMSDR), or the
/// stream to it was reset (LR, UR, UPE) or lost (UF, UC). The status may be a good one, sent before.
const CUT_OFF: u64 = 0x4 | 0x8_0000 | 0x8 | 0x10 | 0x80_0000 | 0x20 | 0x40;

/// The first HTTP status that says that whoever answers has failed.
const SERVER_ERROR: u64 = 500;

/// The statuses of gRPC by which whoever answers has failed: unknown, deadline exceeded, resource
/// exhausted, unimplemented, internal, unavailable and data loss. The others are the caller's doing.
const GRPC_FAILURES: [u64; 7] = [2, 4, 8, 12, 13, 14, 15];

/// Classes an ended stream. Every value that is looked at costs a call out of the VM, so none is
/// that can't matter any more.
pub fn classify(end: &impl StreamEnd, protocol: Protocol, bounds: Option<&LatencyBounds>) -> Class {
    let flags = end.flags();
    if flags & CALLER_LEFT != 0 {
        return Class::Gone;
    }
    let failed = match protocol {
        Protocol::Http => {
            flags & CUT_OFF != 0 || end.code().is_none_or(|code| code >= SERVER_ERROR)
        }
        Protocol::Grpc(status) => {
            let status = status.or_else(|| end.grpc_status());
            status.is_none_or(|status| GRPC_FAILURES.contains(&status))
        }
    };
    if failed {
        return Class::Error;
    }
    let exceeded = bounds.and_then(|bounds| bounds.exceeded(end.duration()?));
    exceeded.map_or(Class::Ok, Class::Over)
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::fake::FakeEnd;

    fn bounds() -> LatencyBounds {
        LatencyBounds::new(&[Duration::from_millis(250), Duration::from_secs(1)]).unwrap()
    }

    fn http(end: &FakeEnd) -> (Class, Vec<&'static str>) {
        (classify(end, Protocol::Http, Some(&bounds())), end.read())
    }

    #[test]
    fn the_status_and_a_broken_answer_say_error() {
        let end = |code: u64, flags| FakeEnd { code: Some(code), flags, ..FakeEnd::default() };
        for good in [100, 101, 200, 204, 302, 400, 404, 408, 429, 499] {
            assert_eq!(http(&end(good, 0)).0, Class::Ok, "{good}");
        }
        for bad in [500, 502, 503, 504, 599] {
            assert_eq!(http(&end(bad, 0)).0, Class::Error, "{bad}");
        }
        for (flag, class) in [
            (0x4, Class::Error),
            (0x8, Class::Error),
            (0x10, Class::Error),
            (0x20, Class::Error),
            (0x40, Class::Error),
            (0x8_0000, Class::Error),
            (0x80_0000, Class::Error),
            (0x4000, Class::Gone),
            (0x1000_0000, Class::Gone),
            (0x4_0000, Class::Gone),
            (0x100, Class::Ok),
        ] {
            assert_eq!(http(&end(200, flag)).0, class, "{flag:#x}");
        }
        assert_eq!(http(&end(503, 0x4000 | 0x40)).0, Class::Gone, "the caller had left before");
        assert_eq!(http(&FakeEnd::default()).0, Class::Error, "no answer at all");
    }

    #[test]
    fn good_answers_are_told_apart_by_the_bounds() {
        let took = |millis| {
            let duration = Some(Duration::from_millis(millis));
            let good = FakeEnd { code: Some(200), duration, ..FakeEnd::default() };
            let bad = FakeEnd { code: Some(500), duration, ..FakeEnd::default() };
            (http(&good).0, http(&bad).0)
        };
        assert_eq!(took(250), (Class::Ok, Class::Error));
        assert_eq!(took(251), (Class::Over(0), Class::Error));
        assert_eq!(took(1001), (Class::Over(1), Class::Error));
    }

    #[test]
    fn grpc_goes_by_its_own_status() {
        for status in 0..=17 {
            let class = |end, sent| classify(&end, Protocol::Grpc(sent), None);
            let end = FakeEnd { code: Some(200), ..FakeEnd::default() };
            let made_up = FakeEnd { grpc_status: Some(status), ..end.clone() };
            let expected = match status {
                2 | 4 | 8 | 12..=15 => Class::Error,
                _ => Class::Ok,
            };
            assert_eq!(class(end, Some(status)), expected, "{status}");
            assert_eq!(class(made_up, None), expected, "{status}");
        }
        let none = FakeEnd { code: Some(200), ..FakeEnd::default() };
        assert_eq!(classify(&none, Protocol::Grpc(None), None), Class::Error);
    }

    #[test]
    fn nothing_is_read_that_cannot_matter() {
        let good = FakeEnd { code: Some(200), ..FakeEnd::default() };
        assert_eq!(http(&good.clone()).1, ["flags", "code", "duration"]);
        assert_eq!(http(&FakeEnd { code: Some(500), ..good.clone() }).1, ["flags", "code"]);
        assert_eq!(http(&FakeEnd { flags: 0x40, ..good.clone() }).1, ["flags"]);
        assert_eq!(http(&FakeEnd { flags: 0x4000, ..good.clone() }).1, ["flags"]);
        classify(&good, Protocol::Http, None);
        assert_eq!(good.read(), ["flags", "code"]);
        let grpc = FakeEnd { grpc_status: Some(0), ..FakeEnd::default() };
        classify(&grpc, Protocol::Grpc(None), None);
        assert_eq!(grpc.read(), ["flags", "grpc_status"]);
        let sent = FakeEnd::default();
        classify(&sent, Protocol::Grpc(Some(0)), None);
        assert_eq!(sent.read(), ["flags"]);
    }

    #[test]
    fn grpc_is_told_by_its_content_type() {
        for (content_type, protocol) in [
            ("application/grpc", Protocol::Grpc(None)),
            ("application/grpc+proto", Protocol::Grpc(None)),
            ("application/grpc;charset=utf-8", Protocol::Grpc(None)),
            ("application/grpc-web", Protocol::Http),
            ("application/grpc-web+proto", Protocol::Http),
            ("application/json", Protocol::Http),
            ("", Protocol::Http),
        ] {
            assert_eq!(Protocol::of(Some(content_type.as_bytes())), protocol, "{content_type}");
        }
        assert_eq!(Protocol::of(None), Protocol::Http);
    }

    #[test]
    fn every_class_has_a_number_and_a_name_of_its_own() {
        let bounds = bounds();
        let names: Vec<_> = (0..Class::COUNT).map(|i| Class::name(i, Some(&bounds))).collect();
        let names: Vec<_> = names.iter().map(Option::as_deref).collect();
        let (over, longest) = (Some("over_250ms"), Some("over_1s"));
        assert_eq!(names, [Some("ok"), Some("error"), Some("gone"), over, longest, None]);
        assert_eq!(Class::name(Class::Over(0).index(), None), None);
        assert_eq!(Class::Over(1).index(), 4);
    }
}
