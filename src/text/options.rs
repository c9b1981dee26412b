//! The options by which text becomes terms.

use std::num::NonZeroU8;

use serde::{Deserialize, Serialize};

use super::number::Numbers;

/// The options by which text becomes terms. A model carries those it was trained with, and serving
/// follows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextOptions {
    /// Whether two neighbouring words make a term of their own, in addition to the two words.
    pub pairs: bool,
    /// How numbers are treated.
    pub numbers: Numbers,
    /// How many times a word of the title counts.
    pub title_weight: NonZeroU8,
}

impl Default for TextOptions {
    fn default() -> Self {
        Self { pairs: true, numbers: Numbers::default(), title_weight: NonZeroU8::MIN }
    }
}
