//! The link: a small regularised logistic regression on held-out scores, which folds into the one
//! linear table.
//!
//! Every kind of score is linear in the document's vector, and so is `logits = own * z + A' g + b`,
//! where `z` are the document's scores and `g`, where topics exclude each other, the scores again
//! and the mean of each kind over the topics. Fitted on scores of documents that the estimators did
//! not see, it weighs the kinds against each other, corrects what one topic takes from another, and
//! comes out calibrated.
//!
//! A prior keeps it honest: the weight that a kind has for all topics alike is nearly free, what a
//! topic weighs for itself may stray from it a little, and what it takes from other topics is drawn
//! to 0. With few documents per topic little more than the shared weights is left; with many, the
//! full matrix. (Stacking: Wolpert, 1992; Platt, 1999, for calibrating by a logistic link.)

mod basis;
mod features;
mod fit;
mod objective;
mod parameters;

pub(super) use features::Features;
pub(super) use fit::Link;
pub(super) use parameters::Prior;
