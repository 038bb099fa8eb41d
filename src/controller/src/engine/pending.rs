//! Weights that were decided and that the route does not have yet.

use serin_assignment::Weight;
use serin_rollout::RouteSeen;

/// A write to the route that has failed so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending<'a> {
    /// Why.
    pub(super) why: &'a str,
    /// The canary's share in the document, which follows the route on the way up.
    pub(super) in_document: Option<Weight>,
}

impl Pending<'_> {
    /// What a reading of the route says meanwhile: that it is below what was decided is nobody's
    /// doing, unless it is below the document too.
    pub(super) fn sees(self, route: RouteSeen) -> RouteSeen {
        let not_yet = match &route {
            RouteSeen::AsSet | RouteSeen::MirrorTaken => true,
            RouteSeen::Lowered { weight } => self.in_document.is_some_and(|has| *weight >= has),
            RouteSeen::NotApplicable | RouteSeen::Unusable { .. } | RouteSeen::Unknown { .. } => {
                false
            }
        };
        if not_yet { RouteSeen::Unknown { why: self.why.to_owned() } } else { route }
    }
}
