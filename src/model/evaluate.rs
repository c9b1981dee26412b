//! Measures a model on labelled documents.

mod assignments;
mod coverage;
mod decision_count;
mod evaluation;
mod group_report;
mod groups;
mod lengths;
mod levels;
mod mistakes;
mod ratio;
mod reliability;
mod report;
mod tally;
mod topic_counts;

pub use coverage::CoveragePoint;
pub use decision_count::DecisionCount;
pub use evaluation::Evaluation;
pub use group_report::{Breakdown, GroupKind, GroupReport, GroupedBy};
pub use groups::{Groups, MAX_GROUPS};
pub use lengths::LengthGroups;
pub use levels::{LevelEvaluations, LevelReport};
pub use mistakes::{Case, Labelled, Mistake, MostProbable, Suspect};
pub use reliability::Bin;
pub use report::{Report, TopicReport};
pub use tally::Answer;
