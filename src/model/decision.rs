//! The decision: how far an answer can be relied on.

use serde::{Deserialize, Serialize};

/// How far the most probable topic can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Its probability reaches the model's threshold.
    Confident,
    /// Its probability is below the threshold.
    Uncertain,
    /// The model knows too few words of the text.
    UnknownText,
}

/// The rule that decides whether an answer is confident, uncertain, or for an unknown text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionRule {
    /// The least top probability of a confident answer; 1 means that no answer is confident.
    pub confident_probability: f64,
    /// The least share of known words, by the length of the text; ascending.
    pub known_share: Vec<KnownShare>,
}

/// The least share of known words for texts of a certain length.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownShare {
    /// Applies to texts with at least this many words, up to the next step.
    pub min_tokens: u32,
    /// A text with a smaller share of known words is unknown; in [0, 1].
    pub min_share: f64,
}

impl DecisionRule {
    /// Applies the rule. A text without a known word is always unknown.
    pub fn decide(
        &self,
        probabilities: &[f64],
        token_count: u32,
        known_token_count: u32,
    ) -> Decision {
        let known_share = f64::from(known_token_count) / f64::from(token_count.max(1));
        let step = self.known_share.iter().rev().find(|step| step.min_tokens <= token_count);
        if known_token_count == 0 || step.is_some_and(|step| known_share < step.min_share) {
            return Decision::UnknownText;
        }
        let top = probabilities.iter().copied().fold(0.0, f64::max);
        let is_confident = self.confident_probability < 1.0 && top >= self.confident_probability;
        if is_confident { Decision::Confident } else { Decision::Uncertain }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_known_words_is_unknown() {
        let step = |min_tokens, min_share| KnownShare { min_tokens, min_share };
        let rule = DecisionRule {
            confident_probability: 0.8,
            known_share: vec![step(2, 0.2), step(20, 0.5)],
        };
        assert_eq!(rule.decide(&[0.9, 0.1], 0, 0), Decision::UnknownText);
        assert_eq!(rule.decide(&[0.9, 0.1], 10, 1), Decision::UnknownText);
        assert_eq!(rule.decide(&[0.9, 0.1], 10, 2), Decision::Confident);
        assert_eq!(rule.decide(&[0.5, 0.5], 10, 10), Decision::Uncertain);
        // A longer text needs more known words; a text of one word is known or not.
        assert_eq!(rule.decide(&[0.9, 0.1], 20, 9), Decision::UnknownText);
        assert_eq!(rule.decide(&[0.9, 0.1], 20, 10), Decision::Confident);
        assert_eq!(rule.decide(&[0.9, 0.1], 1, 1), Decision::Confident);
    }
}
