//! Estimates the weights of a linear model: one file for each kind of estimate.

mod complement;
mod kind;
mod linfa;
mod margin;
mod multinomial;
mod nbsvm;
mod one_against_rest;
mod solver;
mod sums;

pub use kind::Estimator;
pub(super) use kind::{Estimate, Formula, Linear};
pub(super) use margin::Margin;
pub(super) use nbsvm::NbSvm;
pub(super) use solver::{Feature, Planes, Problem, Solver};
pub(super) use sums::{TermSums, TopicCounts, Totals, padded};
