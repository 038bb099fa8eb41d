//! What an image consists of.

use serde_json::Value;

/// An image with one layer.
pub(super) struct Image {
    /// The tar that its layer is made of.
    pub(super) layer: Vec<u8>,
    /// What it runs on.
    pub(super) platform: Platform,
    /// How a container is started from it; an empty object where none is.
    pub(super) config: Value,
    /// What its manifest is annotated with beside what all are.
    pub(super) annotations: Vec<(&'static str, &'static str)>,
    /// What it is, in a sentence.
    pub(super) description: &'static str,
}

/// Processor and operating system, in Go's names.
pub(super) struct Platform {
    pub(super) architecture: &'static str,
    pub(super) os: &'static str,
}
