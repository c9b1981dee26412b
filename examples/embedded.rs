//! Classifies an article in the process, without a server.
//!
//!     cargo run --example embedded -- models/news/2 examples/cyber-defence.txt
//!
//! The model is the directory that `slugline train` wrote.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use slugline::article::ArticleText;
use slugline::model::{Decision, Scorer, artifact};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let model = arguments.next().context("usage: embedded MODEL FILE")?;
    let file = arguments.next().context("usage: embedded MODEL FILE")?;
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("cannot read {}", file.display()))?;
    let (title, body) = text.split_once("\n\n").unwrap_or(("", &text));
    let answer = classify(&model, ArticleText { title, body })?;
    for (topic, probability) in answer.topics.iter().take(3) {
        println!("{:5.1} %  {topic}", 100.0 * probability);
    }
    println!("{:?}", answer.decision);
    Ok(())
}

/// What an article is about.
pub struct Answer {
    /// All topics with their probabilities, the most probable first.
    pub topics: Vec<(String, f64)>,
    /// How far to rely on the first topic.
    pub decision: Decision,
}

/// Loads a model, and classifies one article with it.
pub fn classify(model: &Path, article: ArticleText<'_>) -> anyhow::Result<Answer> {
    // A model is shared by all threads; a scorer is for one thread at a time, and keeps its buffers
    // from one article to the next.
    let model = artifact::read(model)?.model;
    let mut scorer = Scorer::default();
    let scores = scorer.score(&model, article);
    let topics = scores.ranking().into_iter();
    Ok(Answer {
        topics: topics
            .map(|topic| (model.topics()[topic].as_str().to_owned(), scores.probabilities[topic]))
            .collect(),
        decision: scores.decision,
    })
}
