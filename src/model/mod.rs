//! The topic model: the frozen, linear form that every recipe produces and serving reads.
//!
//! ```text
//! score[topic] = bias[topic] + sum over terms of x[term] * weight[term][topic]
//! x[term]      = (1 + ln count) * idf[term], divided by the vector's length to the power 1.25
//! probability  = softmax(score), the first one calibrated ([`BetaCalibration`]); or
//!                1 / (1 + e^-score) where a document may have several topics
//! ```
//!
//! Where topics exclude each other, rows of weights are centred (they sum to 0 over the topics),
//! and so are the biases: a score is then the natural logarithm of a topic's odds against the
//! geometric mean of all topics (the centred log-ratio), and a term's contribution says what it
//! speaks for and against. Centring does not change probabilities, because softmax ignores what is
//! added to all topics alike.

pub mod artifact;
mod calibration;
mod decision;
pub mod doubts;
pub(crate) mod elementary;
pub mod evaluate;
mod explain;
mod hierarchy;
mod manifest;
mod model_id;
mod probability;
mod score;
mod term_weighting;
mod topic_model;
mod weight_table;

pub use artifact::{ArtifactError, LoadedModel};
pub use calibration::BetaCalibration;
pub use decision::{Decision, DecisionRule, KnownShare};
pub use explain::{Contribution, Explanation};
pub use hierarchy::{Hierarchy, Level};
pub use manifest::{
    CorpusRecord, EstimateRecord, Labels, LinkTrialRecord, Manifest, MetricsRecord, RecipeRecord,
    TopicRecord, TrialRecord, WeightsRecord,
};
pub use model_id::{ModelId, ModelIdError};
pub use probability::{logistic, softmax};
pub use score::{Scorer, Scores};
pub use term_weighting::{length_scale, log_tf};
pub use topic_model::{AnswerRule, ModelParts, ModelShapeError, TopicModel};
