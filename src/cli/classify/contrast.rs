//! Why an article has one topic and not another, as text for people.

use std::io::{self, Write};

use super::evidence::{write_remainder, write_terms};
use crate::cli::output::{printable, thousands};
use crate::grpc::pb;
use crate::model::Labels;

/// Odds from here on are only said to be over it.
const MAX_ODDS: f64 = 1e6;

/// Writes the contrast of two topics of a model; nothing where no term explains it.
pub(super) fn write(
    out: &mut dyn Write,
    contrast: &pb::Contrast,
    labels: Labels,
) -> io::Result<()> {
    if contrast.evidence.is_empty() {
        return Ok(());
    }
    let [topic, other] = [&contrast.topic, &contrast.other_topic].map(|name| printable(name));
    let odds = odds(contrast.log_odds);
    let odds = match labels {
        Labels::Single => format!("odds {odds} to 1 before calibration"),
        Labels::Multiple => format!("its odds are {odds} times as high"),
    };
    writeln!(out, "  {topic} rather than {other}: {odds} (log-odds {:+.2})", contrast.log_odds)?;
    let is_against = |part: &&pb::Evidence| part.weight < 0.0;
    let (against, in_favour): (Vec<_>, Vec<_>) = contrast.evidence.iter().partition(is_against);
    for (name, terms) in [(&topic, in_favour), (&other, against)] {
        if !terms.is_empty() {
            writeln!(out, "    for {name}:")?;
            write_terms(out, terms)?;
        }
    }
    writeln!(out, "    not listed:")?;
    write_remainder(out, contrast.other_evidence_weight, contrast.bias)?;
    let percent = 100.0 * contrast.explained_share;
    writeln!(out, "    the listed terms carry {percent:.0} % of the weight of all terms")
}

/// Odds to two digits, from their logarithm: "1.5", "2,300".
fn odds(log_odds: f64) -> String {
    let odds = log_odds.exp();
    if odds >= MAX_ODDS {
        return format!("over {}", thousands(MAX_ODDS as u64));
    }
    // From 10 on, two digits leave none after the decimal point.
    if odds < 9.95 {
        return format!("{odds:.1}");
    }
    let unit = 10.0f64.powi(odds.log10().floor() as i32 - 1);
    thousands(((odds / unit).round() * unit).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odds_have_two_digits() {
        for (value, expected) in [
            (1.0, "1.0"),
            (1.54, "1.5"),
            (9.94, "9.9"),
            (9.96, "10"),
            (12.4, "12"),
            (99.6, "100"),
            (2_345.0, "2,300"),
            (994_000.0, "990,000"),
            (1.5e6, "over 1,000,000"),
        ] {
            assert_eq!(odds(f64::ln(value)), expected, "{value}");
        }
        assert_eq!(odds(1e4), "over 1,000,000");
    }

    fn term(term: &str, weight: f64, count: i32) -> pb::Evidence {
        pb::Evidence { term: term.to_owned(), weight, count, spans: Vec::new() }
    }

    fn contrast(evidence: Vec<pb::Evidence>) -> pb::Contrast {
        pb::Contrast {
            topic: "sport".to_owned(),
            other_topic: "business".to_owned(),
            log_odds: 2.0,
            bias: -0.5,
            evidence,
            other_evidence_weight: 1.0,
            explained_share: 0.78,
        }
    }

    fn written(contrast: &pb::Contrast, labels: Labels) -> String {
        let mut out = Vec::new();
        write(&mut out, contrast, labels).expect("memory");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn terms_are_listed_for_the_topic_that_they_speak_for() {
        let evidence =
            vec![term("goal", 2.0, 2), term("market", -1.0, 1), term("<headline>", 0.5, 0)];
        let expected = "  sport rather than business: odds 7.4 to 1 before calibration \
                        (log-odds +2.00)\n    \
                        for sport:\n      \
                        +2.000  goal  x2\n      \
                        +0.500  (the article's form: a headline)\n    \
                        for business:\n      \
                        -1.000  market\n    \
                        not listed:\n      \
                        +1.000  (all other terms)\n      \
                        -0.500  (before any word)\n    \
                        the listed terms carry 78 % of the weight of all terms\n";
        assert_eq!(written(&contrast(evidence), Labels::Single), expected);
    }

    #[test]
    fn a_topic_that_no_term_speaks_for_has_no_list() {
        let only_for = written(&contrast(vec![term("goal", 2.0, 1)]), Labels::Single);
        assert!(!only_for.contains("for business:"), "{only_for}");
        assert_eq!(written(&contrast(Vec::new()), Labels::Single), "");
    }

    #[test]
    fn topics_of_one_document_are_compared_by_the_ratio_of_their_odds() {
        let written = written(&contrast(vec![term("goal", 2.0, 1)]), Labels::Multiple);
        let first = "  sport rather than business: its odds are 7.4 times as high (log-odds +2.00)";
        assert_eq!(written.lines().next(), Some(first));
    }
}
