//! The section on what the model has learned: the terms that speak most for each topic, and most
//! against it.

use maud::{Markup, html};

use super::format::{shown, term as shown_term};
use super::section::Section;
use crate::article::TopicName;
use crate::model::TopicModel;

/// The most terms that speak for a topic.
const FOR: usize = 16;
/// The most terms against it.
const AGAINST: usize = 8;

/// A topic's strongest terms, each with its weight.
pub(in crate::cli) struct TopicTerms<'a> {
    pub(super) topic: &'a str,
    pub(super) speak_for: Vec<(&'a str, f32)>,
    pub(super) speak_against: Vec<(&'a str, f32)>,
}

impl<'a> TopicTerms<'a> {
    /// Those of each topic of a model.
    pub(in crate::cli) fn of(model: &'a TopicModel) -> Vec<Self> {
        let of_topic = |(number, name): (usize, &'a TopicName)| Self {
            topic: name.as_str(),
            speak_for: model.strongest_terms(number, FOR),
            speak_against: model.strongest_terms_against(number, AGAINST),
        };
        model.topics().iter().enumerate().map(of_topic).collect()
    }
}

pub(super) fn section(topics: &[TopicTerms<'_>]) -> Section {
    let content = html! {
        p {
            "The terms of the greatest weight, and below the line those of the least. In a text, a "
            "term adds a part of its weight to the topic’s log-odds: weights are scaled to the "
            "text’s length. Two neighbouring words are a term of their own."
        }
        div.cards {
            @for topic in topics {
                div.card {
                    h3 { bdi { (shown(topic.topic)) } }
                    (list("for", "Terms for it", &topic.speak_for))
                    (list("against", "Terms against it", &topic.speak_against))
                }
            }
        }
    };
    Section { id: "terms", title: "Terms", content }
}

fn list(class: &str, label: &str, terms: &[(&str, f32)]) -> Markup {
    html! {
        ul.terms.(class) aria-label=(label) {
            @for (term, weight) in terms {
                li { bdi { (shown_term(term)) } " " span.weight { (format!("{weight:+.2}")) } }
            }
        }
    }
}
