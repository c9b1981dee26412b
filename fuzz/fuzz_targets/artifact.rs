//! No bytes make the reader of artefacts panic, and a model that it accepts answers.

#![no_main]

use libfuzzer_sys::fuzz_target;
use slugline::article::ArticleText;
use slugline::model::{Scorer, artifact};

fuzz_target!(|bytes: &[u8]| {
    // The length of the manifest, the manifest, the weights.
    let Some((length, files)) = bytes.split_first_chunk() else { return };
    let length = usize::from(u16::from_le_bytes(*length));
    let Some((manifest, weights)) = files.split_at_checked(length) else { return };
    if let Ok(loaded) = artifact::parse(manifest, weights) {
        let article = ArticleText { title: "Rates rise", body: "The bank raised its rate." };
        let mut scorer = Scorer::default();
        let scores = scorer.score(&loaded.model, article);
        assert!(scores.probabilities.iter().all(|share| (0.0..=1.0).contains(share)));
    }
});
