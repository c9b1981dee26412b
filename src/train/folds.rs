//! Deals the documents to folds, and scores each by models that did not see it.

mod copies;
mod deal;
mod held_out;
mod lengths;
mod scoring;
mod solving;
mod term_counts;

pub(super) use copies::Copies;
pub(super) use deal::{FOLDS, Folds, sampled};
#[cfg(test)]
pub(super) use held_out::held_out;
pub(super) use held_out::{HeldOut, ScoreTable};
pub(super) use lengths::Lengths;
pub(super) use scoring::{Scored, Split, score};
pub(super) use solving::{Solved, solve};
