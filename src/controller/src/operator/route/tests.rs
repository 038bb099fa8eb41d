//! Objects of every kind at an API server that keeps what it is sent to the letter.

mod objects;
mod server;

use core::time::Duration;

use serde_json::Value;
use serin_routes::{Kind, Wanted};
use tokio::time::Instant;

use super::*;
use crate::engine::carried::{Stage, at, conforms, rolled_back};
use objects::{NUMBERS, Sample};
use server::ApiServer;

/// A release's part of an object that nobody else has written yet.
struct Held {
    kind: Kind,
    server: ApiServer,
    route: Route,
}

impl Held {
    async fn of(kind: Kind) -> Self {
        let server = ApiServer::holds(&Sample::of(kind).text).await;
        let route = route(kind, &server);
        Self { kind, server, route }
    }

    async fn carry(&self, traffic: Traffic, change: Change) -> Result<(), NotCarried> {
        self.route.carry(traffic.into(), change).await
    }

    /// Somebody else's change of the object's weights.
    fn moves(&self, wanted: Wanted) -> impl Fn(&mut Value) + Send + use<> {
        let (router, reference) = (self.kind.router(), Sample::of(self.kind).reference);
        move |object| {
            router.write(object, &reference, &wanted).unwrap();
        }
    }
}

fn route(kind: Kind, server: &ApiServer) -> Route {
    // It leads for longer than a test lasts.
    let (lead, term) = Term::new();
    lead.send_replace(Some(Instant::now() + Duration::from_hours(1)));
    Route {
        api: kinds::within(&server.client(), "shop", &kinds::route(kind)),
        cached: Objects::default(),
        key: Key { namespace: "shop".to_owned(), name: "web".to_owned() },
        named: RouteRef { kind, name: "web".to_owned() },
        reference: Sample::of(kind).reference,
        term,
        written: Mutex::default(),
    }
}

impl Stage for Held {
    fn carried(&self) -> &dyn Carry {
        &self.route
    }

    fn share(&self) -> Option<Weight> {
        let object = self.server.object();
        let found = self.kind.router().read(&object, &self.route.reference).unwrap();
        found.weight().filter(|_| found.reaches_canary())
    }

    fn writes(&self) -> usize {
        self.server.taken().len()
    }

    fn by_hand(&self, weight: Weight) {
        self.server.change(self.moves(Wanted::Share(weight)));
    }

    fn takes(&self, takes: bool) {
        self.server.refuse(!takes);
    }

    fn anew(self) -> Self {
        let route = route(self.kind, &self.server);
        Self { route, ..self }
    }
}

#[tokio::test]
async fn objects_of_every_kind_carry_weights_as_a_file_does() {
    for kind in Kind::ALL {
        conforms(async || Held::of(kind).await).await;
    }
}

#[tokio::test]
async fn a_write_that_meets_another_one_is_decided_again_and_leaves_that_one_as_it_is() {
    for kind in Kind::ALL {
        let held = Held::of(kind).await;
        held.carry(at("5%", 1), Change::More).await.unwrap();
        held.server.rival(3, |object| object["metadata"]["labels"] = serde_json::json!({"a": "b"}));
        held.carry(at("10%", 2), Change::More).await.unwrap();
        assert_eq!(held.share(), Some("10%".parse().unwrap()), "{kind}");
        assert_eq!(held.server.object()["metadata"]["labels"]["a"], "b", "{kind}");
        assert_eq!((held.writes(), held.server.conflicts()), (2, 3), "{kind}");
    }
}

#[tokio::test]
async fn a_rise_that_meets_a_lowering_is_not_made_and_a_rollback_is() {
    for kind in Kind::ALL {
        let held = Held::of(kind).await;
        held.carry(at("25%", 1), Change::More).await.unwrap();
        let lower = held.moves(Wanted::Share("1%".parse().unwrap()));
        held.server.rival(1, lower);
        let why = held.carry(at("50%", 2), Change::More).await.unwrap_err();
        assert!(why.why().contains("by hand"), "{kind}: {why}");
        assert_eq!(held.share(), Some("1%".parse().unwrap()), "{kind}");
        // Whoever raises it meanwhile holds up no rollback.
        let raise = held.moves(Wanted::Everyone);
        held.server.rival(2, raise);
        held.carry(rolled_back(3), Change::Less).await.unwrap();
        assert_eq!((held.share(), held.server.conflicts()), (None, 3), "{kind}");
    }
}

#[tokio::test]
async fn a_rival_that_never_rests_is_told_and_outlasted() {
    for kind in Kind::ALL {
        let held = Held::of(kind).await;
        held.carry(at("25%", 1), Change::More).await.unwrap();
        held.server.rival(CONFLICTS, |_| {});
        let why = held.carry(rolled_back(2), Change::Less).await.unwrap_err();
        assert!(why.why().ends_with("5 writes in a row met another one"), "{kind}: {why}");
        assert_eq!(held.route.known(), Some(at("25%", 1)), "{kind}");
        held.carry(rolled_back(2), Change::Less).await.unwrap();
        assert_eq!(held.share(), None, "{kind}");
    }
}

/// All but the weights is sent back as it came, numbers to the letter.
#[tokio::test]
async fn numbers_are_sent_back_as_they_were_written() {
    for kind in Kind::ALL {
        let held = Held::of(kind).await;
        for (traffic, change) in [(at("7.5%", 1), Change::More), (rolled_back(2), Change::Less)] {
            held.carry(traffic, change).await.unwrap();
            let sent = held.server.taken().pop().unwrap();
            // In fields of the specification, of the metadata, and within a list.
            assert_eq!(sent.matches(NUMBERS).count(), 3, "{kind}: {sent}");
        }
    }
}

#[tokio::test]
async fn what_was_mirrored_comes_back_with_its_numbers() {
    for kind in [Kind::VirtualService, Kind::HttpRoute] {
        let held = Held::of(kind).await;
        held.server.change(|object| objects::mirror(kind, object));
        held.carry(rolled_back(1), Change::None).await.unwrap();
        let before = held.server.spec();
        let found = held.route.mirrors(&held.server.object(), &held.route.reference).unwrap();
        let MirrorsSeen::Others { fields } = mirrors::seen(found) else { panic!("{kind}") };
        let mirror = Some("10%".parse().unwrap());
        let mirroring = Load {
            traffic: Traffic { mirror, ..rolled_back(2) },
            kept_mirrors: Some(fields.clone()),
        };
        held.route.carry(mirroring, Change::More).await.unwrap();
        assert_ne!(held.server.spec(), before, "{kind}");
        let back = Load { traffic: rolled_back(3), kept_mirrors: Some(fields) };
        held.route.carry(back, Change::Less).await.unwrap();
        assert_eq!(held.server.spec(), before, "{kind}");
    }
}
