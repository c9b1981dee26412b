//! The options that select articles.

use std::ops::Bound;

use clap::Args;
use clap::builder::TypedValueParser;

use super::label;
use super::number::number;
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
    /// their topic; greater than 0 and at most 1
    #[arg(long, value_name = "P", requires = "topic", value_parser = probability())]
    min_topic_probability: Option<f64>,
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

fn probability() -> impl TypedValueParser<Value = f64> {
    number((Bound::Excluded(0.0), Bound::Included(1.0)), "greater than 0 and at most 1")
}

/// Implements the conversion into each message of a filter.
macro_rules! filter_message {
    ($($message:ident),*) => {$(
        impl From<FilterArguments> for pb::$message {
            fn from(arguments: FilterArguments) -> Self {
                Self {
                    topics: arguments.topic,
                    // The parser refuses 0, which means "not set" on the wire.
                    min_topic_probability: arguments.min_topic_probability.unwrap_or_default(),
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
