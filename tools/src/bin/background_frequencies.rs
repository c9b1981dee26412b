//! Counts in how many documents each term of the ranking occurs, and writes
//! `src/index/background.bin`: see `tools/build-background`.
//!
//!     cargo run --release -p slugline-tools --bin background_frequencies -- OUTPUT FILE...

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::Context as _;
use slugline::corpus::{Input, OnError, Options, Progress, for_each_document};
use slugline::index::{Analyzer, Background, TermKey};

/// Terms in fewer documents count as unknown.
const LEAST: f64 = 5.0;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let output = arguments.next().context("usage: background_frequencies OUTPUT FILE...")?;
    let inputs: Vec<Input> = arguments.map(Input::from_argument).collect();
    let options = Options { on_error: OnError::Skip, threads: 1, ..Options::default() };
    let worker = || (Analyzer::default(), BTreeMap::<TermKey, u32>::new());
    let (states, summary) = for_each_document(
        &inputs,
        &options,
        &Progress::default(),
        worker,
        |state, _, document| {
            let (analyzer, frequencies) = state;
            let terms: BTreeSet<TermKey> = analyzer.terms(document.text()).into_iter().collect();
            terms.into_iter().for_each(|term| *frequencies.entry(term).or_default() += 1);
            Ok(())
        },
    )?;
    let frequencies = states.into_iter().flat_map(|(_, frequencies)| frequencies);
    let frequencies = frequencies.map(|(term, frequency)| (term, f64::from(frequency)));
    let file = Background::encode(summary.documents as f64, frequencies, LEAST);
    std::fs::write(&output, &file).with_context(|| format!("cannot write {}", output.display()))?;
    println!("{} documents, {} bytes", summary.documents, file.len());
    Ok(())
}
