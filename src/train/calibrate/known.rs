//! How many of its words a model must know to answer for a text.

use crate::model::KnownShare;
use crate::train::folds::HeldOut;

/// The lengths, in words, from which on texts have a threshold of their own.
const TOKEN_STEPS: [u32; 8] = [1, 4, 8, 16, 32, 64, 128, 256];
/// One held-out document in this many may fall below the minimum known share.
const LESS_KNOWN: usize = 500;
/// Below this share of known words a text is unknown where the corpus is too small to say.
const DEFAULT_KNOWN_SHARE: f64 = 0.25;
/// A corpus of few known words must not make every other text unknown, nor one of all known words a
/// single new one.
const MAX_KNOWN_SHARE: f64 = 0.8;

/// The minimum share of known words by the length of the text: one held-out document in 500 of that
/// length falls below it. Lengths with too few documents take the threshold of shorter ones.
pub(super) fn known_shares(documents: &[HeldOut]) -> Vec<KnownShare> {
    let mut steps = Vec::with_capacity(TOKEN_STEPS.len());
    let mut min_share = DEFAULT_KNOWN_SHARE;
    for (place, &from) in TOKEN_STEPS.iter().enumerate() {
        let to = TOKEN_STEPS.get(place + 1).copied().unwrap_or(u32::MAX);
        let mut shares: Vec<f64> = documents
            .iter()
            .filter(|document| (from..to).contains(&document.token_count))
            .map(|document| f64::from(document.known_token_count) / f64::from(document.token_count))
            .collect();
        shares.sort_by(f64::total_cmp);
        if shares.len() >= LESS_KNOWN {
            // Two digits are all that the sample can tell.
            min_share = (libm::floor(shares[shares.len() / LESS_KNOWN] * 100.0) / 100.0)
                .min(MAX_KNOWN_SHARE);
        }
        steps.push(KnownShare { min_tokens: from, min_share });
    }
    steps.dedup_by(|next, step| next.min_share == step.min_share);
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_texts_have_to_have_more_known_words() {
        let documents: Vec<HeldOut> = (0..2_000u32)
            .map(|n| {
                let token_count = if n % 2 == 0 { 10 } else { 100 };
                // Of each length one in 200 has only half, or six tenths, of its words known.
                let known_token_count = match (token_count, n % 400) {
                    (10, 0) => 5,
                    (100, 1) => 60,
                    (count, _) => count * 9 / 10,
                };
                HeldOut { part: 0, topics: vec![0], token_count, known_token_count }
            })
            .collect();
        let steps = known_shares(&documents);
        let expected = [(1, 0.25), (8, 0.5), (64, 0.6)];
        assert_eq!(
            steps.iter().map(|step| (step.min_tokens, step.min_share)).collect::<Vec<_>>(),
            expected
        );
    }
}
