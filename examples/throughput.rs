//! Classifies articles on one core, without a server, and says how many megabytes a second: see
//! `benches/throughput.sh`.
//!
//!     cargo run --release --example throughput -- [--limit ARTICLES] FILE...
//!
//! Prints one JSON object. The steps are measured one on top of the other: to find and hash the
//! words, to count the terms that the model knows, to score. Rounds go over all articles, and the
//! best round counts.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use slugline::article::ArticleText;
use slugline::corpus::{Input, OnError, Options, Progress, for_each_document};
use slugline::model::{Scorer, artifact};
use slugline::text::{BagCounter, TermOccurrence, WordScanner, scan_terms};

const ROUNDS: usize = 7;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1).peekable();
    let mut limit = usize::MAX;
    if arguments.next_if(|argument| argument == "--limit").is_some() {
        let count = arguments.next().context("--limit needs a number")?;
        limit = count
            .to_str()
            .and_then(|count| count.parse().ok())
            .context("--limit needs a number")?;
    }
    let inputs: Vec<Input> = arguments.map(PathBuf::from).map(Input::from_argument).collect();
    let options = Options { on_error: OnError::Fail, threads: 1, ..Options::default() };
    let (states, _) = for_each_document(
        &inputs,
        &options,
        &Progress::default(),
        Vec::new,
        |articles, _, document| {
            articles.push((document.title.to_string(), document.body.to_string()));
            Ok(())
        },
    )?;
    let mut articles: Vec<(String, String)> = states.into_iter().flatten().collect();
    articles.truncate(limit);
    let model = artifact::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models/news/2"))?.model;
    let size: usize = articles.iter().map(|(title, body)| title.len() + body.len()).sum();
    let texts = || articles.iter().map(|(title, body)| ArticleText { title, body });

    let best = |mut run: Box<dyn FnMut() + '_>| {
        let seconds = (0..ROUNDS).map(|_| {
            let started = Instant::now();
            run();
            started.elapsed().as_secs_f64()
        });
        let best = seconds.fold(f64::INFINITY, f64::min);
        (size as f64 / best / 1e6, best / articles.len() as f64 * 1e6)
    };
    let mut scanner = WordScanner::default();
    let words = best(Box::new(|| {
        for text in texts() {
            let mut sum = 0;
            scan_terms(&mut scanner, black_box(text), model.text_options(), |term, _| {
                if let TermOccurrence::Word { hash, .. } | TermOccurrence::Pair { hash } = term {
                    sum ^= hash.0;
                }
            });
            black_box(sum);
        }
    }));
    let mut counter = BagCounter::default();
    let bag = best(Box::new(|| {
        for text in texts() {
            black_box(counter.count(black_box(text), model.text_options(), model.vocabulary()));
        }
    }));
    let mut scorer = Scorer::default();
    let score = best(Box::new(|| {
        for text in texts() {
            black_box(scorer.score(&model, black_box(text)));
        }
    }));
    println!(
        "{{\"articles\": {}, \"mean_bytes\": {}, \"words_mb_s\": {:.1}, \"words_us\": {:.2}, \"bag_mb_s\": {:.1}, \"bag_us\": {:.2}, \"megabytes_per_second\": {:.1}, \"score_us\": {:.2}}}",
        articles.len(),
        size / articles.len().max(1),
        words.0,
        words.1,
        bag.0,
        bag.1,
        score.0,
        score.1
    );
    Ok(())
}
