//! Classifies articles on one core, without a server: see `benches/throughput.sh`.
//!
//!     cargo run --release -p slugline-tools --bin throughput -- [--limit ARTICLES] FILE...
//!
//! Prints one JSON object with megabytes per second. Each step includes the one before it: to find
//! and hash the words, to count the terms that the model knows, to score. A round goes over all
//! articles, and the best round counts.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use slugline::article::ArticleText;
use slugline::corpus::{Input, Options, Progress, for_each_document};
use slugline::model::{Scorer, TopicModel, artifact};
use slugline::text::{BagCounter, TermOccurrence, WordScanner, scan_terms};

const ROUNDS: usize = 7;

struct Article {
    title: String,
    body: String,
}

impl Article {
    fn text(&self) -> ArticleText<'_> {
        ArticleText { title: &self.title, body: &self.body }
    }
}

/// Speed in the best round.
struct Speed {
    megabytes_per_second: f64,
    us_per_article: f64,
}

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1).peekable();
    let mut limit = usize::MAX;
    if arguments.next_if(|argument| argument == "--limit").is_some() {
        let count = arguments.next().context("--limit needs a number")?;
        let count = count.to_str().and_then(|count| count.parse().ok());
        limit = count.context("--limit needs a number")?;
    }
    let articles = read(arguments.map(PathBuf::from), limit)?;
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/news/2");
    let model = artifact::read(&model)?.model;
    let [words, bag, score] = [words, bag, score].map(|step| best(&articles, &model, step));
    let size: usize = articles.iter().map(|article| article.text().size_bytes()).sum();
    println!(
        "{{\"articles\": {}, \"mean_bytes\": {}, \"words_mb_s\": {:.1}, \"words_us\": {:.2}, \
         \"bag_mb_s\": {:.1}, \"bag_us\": {:.2}, \"megabytes_per_second\": {:.1}, \
         \"score_us\": {:.2}}}",
        articles.len(),
        size / articles.len().max(1),
        words.megabytes_per_second,
        words.us_per_article,
        bag.megabytes_per_second,
        bag.us_per_article,
        score.megabytes_per_second,
        score.us_per_article
    );
    Ok(())
}

fn read(files: impl Iterator<Item = PathBuf>, limit: usize) -> anyhow::Result<Vec<Article>> {
    let inputs: Vec<Input> = files.map(Input::from_argument).collect();
    let (states, _) = for_each_document(
        &inputs,
        &Options { threads: 1, ..Options::default() },
        &Progress::default(),
        Vec::new,
        |articles, _, document| {
            let (title, body) = (document.title.to_string(), document.body.to_string());
            articles.push(Article { title, body });
            Ok(())
        },
    )?;
    Ok(states.into_iter().flatten().take(limit).collect())
}

type Step = fn(&[Article], &TopicModel);

fn best(articles: &[Article], model: &TopicModel, step: Step) -> Speed {
    let seconds = (0..ROUNDS).map(|_| {
        let started = Instant::now();
        step(articles, model);
        started.elapsed().as_secs_f64()
    });
    let best = seconds.fold(f64::INFINITY, f64::min);
    let size: usize = articles.iter().map(|article| article.text().size_bytes()).sum();
    Speed {
        megabytes_per_second: size as f64 / best / 1e6,
        us_per_article: best / articles.len() as f64 * 1e6,
    }
}

fn words(articles: &[Article], model: &TopicModel) {
    let mut scanner = WordScanner::default();
    for article in articles {
        let mut sum = 0;
        scan_terms(&mut scanner, black_box(article.text()), model.text_options(), |term, _| {
            if let TermOccurrence::Word { hash, .. } | TermOccurrence::Pair { hash } = term {
                sum ^= hash.0;
            }
        });
        black_box(sum);
    }
}

fn bag(articles: &[Article], model: &TopicModel) {
    let mut counter = BagCounter::default();
    for article in articles {
        let text = black_box(article.text());
        black_box(counter.count(text, model.text_options(), model.vocabulary()));
    }
}

fn score(articles: &[Article], model: &TopicModel) {
    let mut scorer = Scorer::default();
    for article in articles {
        black_box(scorer.score(model, black_box(article.text())));
    }
}
