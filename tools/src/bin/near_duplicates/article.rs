//! Articles to make pairs of.

use std::sync::Mutex;

use slugline::corpus::{Input, OnError, Options, Progress, for_each_document};

pub(crate) struct Article {
    pub(crate) title: String,
    pub(crate) words: Vec<String>,
    pub(crate) source: String,
    pub(crate) is_held_out: bool,
}

impl Article {
    /// The first words of the body.
    pub(crate) fn start(&self, length: usize) -> String {
        self.words[..length.min(self.words.len())].join(" ")
    }
}

/// Draws that are the same on every machine (SplitMix64).
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) % bound as u64) as usize
    }
}

/// Reads all articles of some files.
pub(crate) fn read(inputs: Vec<Input>) -> anyhow::Result<Vec<Article>> {
    let articles = Mutex::new(Vec::new());
    let options = Options { on_error: OnError::Skip, threads: 1, ..Options::default() };
    for_each_document(
        &inputs,
        &options,
        &Progress::default(),
        || (),
        |(), _, document| {
            let source = document.extra()?.source.into_owned();
            let sum = document
                .id
                .bytes()
                .fold(7_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
            let article = Article {
                title: document.title.to_string(),
                words: document.body.split_whitespace().map(str::to_owned).collect(),
                source,
                is_held_out: sum >> 40 & 1 == 1,
            };
            if article.title.split_whitespace().count() >= 3 && article.words.len() >= 20 {
                articles.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(article);
            }
            Ok(())
        },
    )?;
    Ok(articles.into_inner()?)
}
