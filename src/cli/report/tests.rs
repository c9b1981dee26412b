//! What must hold of the whole page.

use super::format::probability;
use super::*;
use crate::article::TopicName;
use crate::model::evaluate::{Case, Evaluation, Suspect};
use crate::model::{Decision, Labels};

/// What a corpus may hold and a page must not: an element, ends of attributes, comments and
/// strings, a control character, text that runs backwards, and a lone noncharacter.
const HOSTILE: &str =
    "</title><script>alert('1')</script>\" onload=\"x --> & &amp; \u{0}\u{1b}\u{202e}\u{ffff}é";

fn report(topics: &[&str], answers: &[([f64; 2], &str, Decision)]) -> Report {
    let names: Vec<TopicName> =
        topics.iter().map(|name| TopicName::new(name).expect("a name")).collect();
    let mut evaluation = Evaluation::new(&names, Labels::Single);
    for (probabilities, truth, decision) in answers {
        let truth = evaluation.label(truth);
        evaluation.add(probabilities, &[truth], *decision);
    }
    evaluation.finish()
}

fn rendered(report: &Report, text: &str, terms: &[(&str, f32)], mistakes: &[Mistake]) -> String {
    page(&Contents {
        subject: Subject {
            model: "mine/1".to_owned(),
            recipe: "complement naive Bayes".to_owned(),
            language_code: "en",
            trained_on: 10,
            topic_count: 2,
            term_count: 3,
            inputs: vec![text.to_owned()],
            fingerprint: "00ff".to_owned(),
            skipped: 1,
            confident_probability: 0.8,
        },
        report,
        warnings: &[text.to_owned()],
        trials: &[],
        levels: &[],
        breakdowns: &[],
        terms: vec![TopicTerms {
            topic: "arts",
            speak_for: terms.to_vec(),
            speak_against: terms.to_vec(),
        }],
        mistakes,
    })
    .expect("a page")
}

fn usual(text: &str) -> String {
    let topic = text.replace(char::is_control, "");
    let answers = [
        ([0.9, 0.1], "arts", Decision::Confident),
        ([0.3, 0.7], "arts", Decision::Uncertain),
        ([0.2, 0.8], &*topic, Decision::Confident),
        ([0.5, 0.5], "sport", Decision::UnknownText),
    ];
    let mistake = Mistake {
        headline: text.to_owned(),
        document_id: text.to_owned(),
        predicted: Suspect {
            topic: "sport".to_owned(),
            case: Some(Case { probability: 0.8, evidence: vec![(text.to_owned(), 1.5)] }),
        },
        truth: vec![Suspect { topic: topic.clone(), case: None }],
    };
    rendered(&report(&["arts", "sport"], &answers), text, &[(text, -0.5)], &[mistake])
}

#[test]
fn text_of_a_corpus_stays_text() {
    let page = usual(HOSTILE);
    assert_eq!(page.matches("&lt;script&gt;alert(").count(), page.matches("alert(").count());
    assert!(page.matches("alert(").count() >= 8, "the text is to be seen wherever it belongs");
    assert!(!page.contains("<script") && !page.contains("\" onload"), "{page}");
    assert_eq!(page.matches("</title>").count(), usual("plain").matches("</title>").count());
    let controls: Vec<char> = page.chars().filter(|c| c.is_control() && *c != '\n').collect();
    assert!(controls.is_empty(), "{controls:?}");
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    let page = usual("plain").replace("http://www.w3.org/2000/svg", "");
    for link in
        ["http:", "https:", "src=", "url(", "@import", "<link", "<script", "<iframe", "<img"]
    {
        assert!(!page.contains(link), "{link}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn the_same_evaluation_gives_the_same_bytes() {
    assert_eq!(usual("plain"), usual("plain"));
}

#[test]
fn every_figure_is_there_and_named() {
    let page = usual("plain");
    for figure in
        ["topics", "confusion", "reliability", "coverage"].map(|name| format!("figure-{name}"))
    {
        assert_eq!(page.matches(&format!("<figure id=\"{figure}\"")).count(), 1, "{figure}");
        assert!(
            page.contains(&format!("aria-labelledby=\"{figure}-title {figure}-desc\"")),
            "{figure}"
        );
    }
    assert_eq!(page.matches("<svg ").count(), 4);
}

#[test]
fn the_models_own_threshold_stands_in_words() {
    // By hand: two of four answers are confident, one of them right.
    let page = usual("plain").replace('\u{a0}', " ");
    assert!(
        page.contains(
            "0.8000, 50.0 % of the documents are answered with confidence, and 50.0 % of these"
        ),
        "{page}"
    );
}

#[test]
fn a_page_of_nothing_but_unknown_text_has_no_curve() {
    let report = report(&["arts", "sport"], &[([0.5, 0.5], "arts", Decision::UnknownText)]);
    let page = rendered(&report, "plain", &[], &[]);
    assert!(page.contains("No document reaches the model’s own threshold, 0.8000."));
    assert!(page.contains("No document was answered.") && page.contains("No answer was wrong."));
}

#[test]
fn no_probability_is_rounded_to_certainty() {
    let found = [0.000_4, 0.001, 0.25, 0.999, 0.999_6]
        .map(|value| probability(value).replace('\u{a0}', " "));
    assert_eq!(found, ["under 0.1 %", "0.1 %", "25.0 %", "99.9 %", "over 99.9 %"]);
}

#[test]
fn levels_and_trials_have_sections_where_there_are_any() {
    assert!(levels::section(&[]).is_none() && recipe::section(&[]).is_none());
    let level = |depth, accuracy| LevelReport { depth, accuracy, micro_f1: 0.625, macro_f1: 0.25 };
    let section = levels::section(&[level(1, 0.9375), level(2, 0.875)])
        .expect("two levels")
        .content
        .into_string();
    assert!(
        section.contains("0.9375")
            && section.contains("0.8750")
            && section.contains("0.6250")
            && section.contains("0.2500"),
        "{section}"
    );

    let trial = |kind: &str, accuracy| {
        serde_json::json!({
            "recipe": {
                "kind": kind, "link_variance": null,
                "estimates": [{"kind": "multinomial", "parameters": {"alpha": 0.03}}],
                "scale": 1.0, "seed": 1, "min_document_frequency": 2, "keep_terms": 60000
            },
            "metrics": {
                "document_count": 10, "accuracy": accuracy, "micro_f1": accuracy, "macro_f1": 0.5,
                "log_loss": 0.75,
                "expected_calibration_error": 0.0125, "confident_share": 0.5
            }
        })
    };
    let trials = serde_json::json!([trial("linked", 0.9), trial("multinomial", 0.8)]);
    let trials: Vec<TrialRecord> = serde_json::from_value(trials).expect("two trials");
    assert!(recipe::section(&trials[..1]).is_none(), "nothing was chosen");
    let section = recipe::section(&trials).expect("a choice").content.into_string();
    let places = [
        "linked naive Bayes, multinomial alpha 0.03",
        "0.9000",
        "multinomial naive Bayes",
        "0.8000",
    ]
    .map(|text| section.find(text).unwrap_or_else(|| panic!("{text}: {section}")));
    assert!(places.is_sorted());
}
