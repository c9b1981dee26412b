//! Measures a model on labelled documents.

mod assignments;
mod counts;
mod coverage;
mod evaluation;
mod levels;
mod mistakes;
mod reliability;
mod report;
mod tally;
mod topic_counts;

pub use counts::DecisionCount;
pub use coverage::CoveragePoint;
pub use evaluation::Evaluation;
pub use levels::{LevelEvaluations, LevelReport};
pub use mistakes::{Case, Labelled, Mistake, MostProbable, Suspect};
pub use reliability::Bin;
pub use report::{Report, TopicReport};
