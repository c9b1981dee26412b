//! The section on the mistakes that the model was surest of, each with its evidence.

use maud::{Markup, html};

use super::format::{probability, shown, term as shown_term};
use super::section::Section;
use crate::model::evaluate::{Case, Mistake, Suspect};

/// `mistakes` come as they are to be shown.
pub(super) fn section(mistakes: &[Mistake]) -> Section {
    let content = html! {
        @if mistakes.is_empty() {
            p { "No answer was wrong." }
        } @else {
            p {
                "The wrong answers of the highest probability: mistakes to learn from, or labels "
                "to "
                "doubt. Numbers are what a term adds to the topic’s log-odds in this text."
            }
            ol.mistakes { @for mistake in mistakes { li { (article(mistake)) } } }
        }
    };
    Section { id: "mistakes", title: "Surest mistakes", content }
}

fn article(mistake: &Mistake) -> Markup {
    html! {
        h3 dir="auto" { bdi { (shown(&mistake.headline)) } }
        @if !mistake.document_id.is_empty() {
            p.note { "Document " bdi { (shown(&mistake.document_id)) } }
        }
        div.columns {
            (suspect("Called", "called", &mistake.predicted))
            @for truth in &mistake.truth { (suspect("Is", "is", truth)) }
            @if mistake.truth.is_empty() { div.suspect.is { p { "Is of no topic" } } }
        }
    }
}

fn suspect(role: &str, class: &str, suspect: &Suspect) -> Markup {
    html! {
        div.suspect.(class) {
            p {
                (role) " " strong { bdi { (shown(&suspect.topic)) } }
                @match &suspect.case {
                    Some(case) => { ", " (probability(case.probability)) }
                    None => { ", which the model does not have" }
                }
            }
            @if let Some(Case { evidence, .. }) = &suspect.case {
                ul.terms {
                    @for (term, weight) in evidence {
                        li { bdi { (shown_term(term)) } " " span.weight { (format!("{weight:+.2}")) } }
                    }
                }
            }
        }
    }
}
