//! Measures a model on labelled documents.

mod assigned;
mod coverage;
mod evaluation;
mod levels;
mod mistakes;
mod ratio;
mod report;

pub use coverage::CoveragePoint;
pub use evaluation::Evaluation;
pub use levels::{LevelEvaluations, LevelReport};
pub use mistakes::{Case, Labelled, Mistake, MostProbable, Suspect};
pub use report::{Bin, DecisionCount, Report, TopicReport};
