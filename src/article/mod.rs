//! The vocabulary of all floors: articles, topic names, limits.

mod language;
mod limits;
mod text;
mod topic;

pub use language::is_language_code;
pub use limits::{Limits, Timeouts};
pub use text::{ArticleField, ArticleText, TextSpan};
pub use topic::{TopicName, TopicNameError, topic_levels, topic_to_depth};
