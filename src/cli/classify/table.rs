//! An answer as text for people.

use std::io::{self, Write};

use super::field;
use crate::cli::decision;
use crate::cli::output::printable;
use crate::grpc::pb;

/// The most places of a term to show; JSON has them all.
const SHOWN_PLACES: usize = 3;

/// Writes the answer for one article.
pub(super) fn write(
    out: &mut dyn Write,
    id: &str,
    answer: &pb::ClassifyResponse,
) -> io::Result<()> {
    writeln!(
        out,
        "{}: {} ({}, {} of {} words known)",
        printable(id),
        decision::name(answer.decision()),
        answer.model,
        answer.known_token_count,
        answer.token_count
    )?;
    for level in &answer.levels {
        write_level(out, level)?;
    }
    let width = answer.topics.iter().map(|topic| topic.name.chars().count()).max().unwrap_or(0);
    for topic in &answer.topics {
        writeln!(
            out,
            "  {:5.1} %  {:width$}  log-odds {:+.2}{}",
            100.0 * topic.probability,
            printable(&topic.name),
            topic.log_odds,
            mark(topic.assigned)
        )?;
        write_evidence(out, topic)?;
    }
    if answer.decision() == pb::Decision::UnknownText {
        writeln!(
            out,
            "  note: the model knows too little of the text; \
             the topics are as likely as in training"
        )?;
    }
    for warning in &answer.warnings {
        writeln!(out, "  note: {}", printable(&warning.message))?;
    }
    Ok(())
}

fn write_level(out: &mut dyn Write, level: &pb::TopicLevel) -> io::Result<()> {
    let shown = |topic: &pb::BroadTopic| {
        let percent = 100.0 * topic.probability;
        format!("{} {percent:.1} %{}", printable(&topic.name), mark(topic.assigned))
    };
    let topics: Vec<String> = level.topics.iter().map(shown).collect();
    writeln!(out, "  depth {}: {}", level.depth, topics.join(", "))
}

fn write_evidence(out: &mut dyn Write, topic: &pb::TopicScore) -> io::Result<()> {
    for part in &topic.evidence {
        let times = if part.count == 1 { String::new() } else { format!("  x{}", part.count) };
        let places = if part.spans.is_empty() {
            String::new()
        } else {
            format!("  ({})", places(&part.spans))
        };
        writeln!(out, "      {:+.3}  {}{times}{places}", part.weight, printable(&part.term))?;
    }
    if topic.evidence.is_empty() {
        return Ok(());
    }
    writeln!(out, "      {:+.3}  (all other terms)", topic.other_evidence_weight)?;
    writeln!(out, "      {:+.3}  (before any word)", topic.bias)
}

/// Marks an assigned topic, where documents may have several.
fn mark(assigned: Option<bool>) -> &'static str {
    if assigned == Some(true) { "  assigned" } else { "" }
}

/// The first places: "title 3-11, body 120-128, ...".
fn places(spans: &[pb::TextSpan]) -> String {
    let mut places: Vec<String> = spans
        .iter()
        .take(SHOWN_PLACES)
        .map(|span| format!("{} {}-{}", field::name(span.field()), span.start, span.end))
        .collect();
    if spans.len() > SHOWN_PLACES {
        places.push("...".to_owned());
    }
    places.join(", ")
}
