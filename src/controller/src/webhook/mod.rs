//! Messages to other systems, signed by the Standard Webhooks specification 1.0.0.

mod post;
mod sign;

pub(crate) use post::{Address, Answer, Mailbox, Target, uri};
