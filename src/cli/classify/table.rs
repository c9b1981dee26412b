//! An answer as text for people.

use std::io::{self, Write};

use super::contrast;
use super::evidence::{write_remainder, write_terms};
use crate::cli::decision;
use crate::cli::output::printable;
use crate::grpc::pb;
use crate::model::Labels;

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
    if let Some(contrast) = &answer.contrast {
        let has_several = answer.topics.iter().any(|topic| topic.assigned.is_some());
        let labels = if has_several { Labels::Multiple } else { Labels::Single };
        contrast::write(out, contrast, labels)?;
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
    if topic.evidence.is_empty() {
        return Ok(());
    }
    write_terms(out, &topic.evidence)?;
    write_remainder(out, topic.other_evidence_weight, topic.bias)
}

/// Marks an assigned topic, where documents may have several.
fn mark(assigned: Option<bool>) -> &'static str {
    if assigned == Some(true) { "  assigned" } else { "" }
}
