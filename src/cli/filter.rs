//! The options that select articles.

use clap::Args;

use super::label;
use super::times::time_bound;
use crate::grpc::pb;

/// The options that select articles.
#[derive(Args)]
pub(super) struct FilterArguments {
    /// Only articles with this topic, or one below it ("sport" includes "sport/football");
    /// repeat for any of several
    #[arg(long, value_name = "TOPIC")]
    topic: Vec<String>,
    /// Articles that have a --topic with at least this probability, first or not, rather than as
    /// their topic; from 0 to 1
    #[arg(
        long,
        default_value_t = 0.0,
        value_name = "P",
        requires = "topic",
        hide_default_value = true
    )]
    min_topic_probability: f64,
    /// Only articles from this source; repeat for any of several
    #[arg(long, value_name = "NAME")]
    source: Vec<String>,
    /// Only articles in this language; repeat for any of several
    #[arg(long, value_name = "CODE")]
    language: Vec<String>,
    /// Only articles with this label, KEY=VALUE; repeat to require several
    #[arg(long, value_name = "KEY=VALUE", value_parser = label::parse)]
    label: Vec<(String, String)>,
    /// Only articles published at this time or later, such as 2014-05-30 or 2014-05-30T01:34:32Z
    #[arg(long, value_name = "TIME", value_parser = time_bound)]
    since: Option<prost_types::Timestamp>,
    /// Only articles published before this time
    #[arg(long, value_name = "TIME", value_parser = time_bound)]
    until: Option<prost_types::Timestamp>,
}

/// Implements the conversion into each message of a filter.
macro_rules! filter_message {
    ($($message:ident),*) => {$(
        impl From<FilterArguments> for pb::$message {
            fn from(arguments: FilterArguments) -> Self {
                Self {
                    topics: arguments.topic,
                    min_topic_probability: arguments.min_topic_probability,
                    publish_time_from: arguments.since,
                    publish_time_until: arguments.until,
                    sources: arguments.source,
                    language_codes: arguments.language,
                    labels: arguments.label.into_iter().collect(),
                }
            }
        }
    )*};
}

filter_message!(SimilarityFilter, ArticleFilter);
