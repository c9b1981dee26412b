//! Measures the rule for near-duplicates on pairs made from articles: how many copies it finds, and
//! how many other pairs it takes for copies.
//!
//!     cargo run --release -p slugline-tools --bin near_duplicates -- FILE...
//!
//! Pairs of one half of the articles chose the rule's figures; those of the other half measure it.

mod added;
mod article;
mod pairs;

use slugline::article::ArticleText;
use slugline::corpus::Input;
use slugline::index::{Analyzer, NEAR_DUPLICATE_COSINE, Wording};

use added::ADDED;
use article::{Article, Draw, read};
use pairs::{KINDS, Make};

/// The numbers of words that bodies are cut to.
const LENGTHS: [usize; 6] = [20, 40, 80, 150, 300, 600];
/// The pairs made of each kind and length.
const PAIRS: usize = 500;

/// Which articles are measured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    Chose,
    HeldOut,
}

fn main() -> anyhow::Result<()> {
    let inputs = std::env::args_os().skip(1).map(|path| Input::from_argument(path.into()));
    let articles = read(inputs.collect())?;
    for (half, what) in
        [(Half::Chose, "that the figures were chosen by"), (Half::HeldOut, "that were held out")]
    {
        let is_in_half = |article: &&Article| article.is_held_out == (half == Half::HeldOut);
        let part: Vec<&Article> = articles.iter().filter(is_in_half).collect();
        println!(
            "\n{} articles {what}: % of the pairs that are folded (by whole texts at 0.85)\n",
            part.len()
        );
        print_table(&part, half);
    }
    Ok(())
}

fn print_table(articles: &[&Article], half: Half) {
    println!("| words | {} |", LENGTHS.map(|length| length.to_string()).join(" | "));
    println!("|{}", "---|".repeat(1 + LENGTHS.len()));
    let (mut right, mut wrong, mut missed) =
        ([0; LENGTHS.len()], [0; LENGTHS.len()], [0; LENGTHS.len()]);
    for (name, is_copy, make) in KINDS {
        let mut row = String::new();
        for (place, length) in LENGTHS.into_iter().enumerate() {
            let Folded { pairs, by_rule, by_whole_texts } = measure(articles, half, make, length);
            let percent = |count: usize| 100.0 * count as f64 / pairs.max(1) as f64;
            row += &format!(" {:.1} ({:.1}) |", percent(by_rule), percent(by_whole_texts));
            match is_copy {
                Some(true) => {
                    right[place] += by_rule;
                    missed[place] += pairs - by_rule;
                }
                Some(false) => wrong[place] += by_rule,
                None => {}
            }
        }
        let kind = match is_copy {
            Some(true) => "copy: ",
            Some(false) => "not: ",
            None => "either: ",
        };
        println!("| {kind}{name} |{row}");
    }
    let share = |of: [usize; LENGTHS.len()], others: [usize; LENGTHS.len()]| {
        let shares = of
            .iter()
            .zip(others)
            .map(|(of, others)| format!("{:.3}", *of as f64 / (of + others).max(1) as f64));
        shares.collect::<Vec<_>>().join(" | ")
    };
    println!("| precision | {} |\n| recall | {} |", share(right, wrong), share(right, missed));
}

/// How many pairs of a kind there were, and how many are folded.
#[derive(Default)]
struct Folded {
    pairs: usize,
    by_rule: usize,
    by_whole_texts: usize,
}

fn measure(articles: &[&Article], half: Half, make: Make, length: usize) -> Folded {
    let mut draw = Draw(length as u64);
    let mut folded = Folded::default();
    let mut analyzer = Analyzer::default();
    for _ in 0..20 * PAIRS {
        if folded.pairs == PAIRS {
            break;
        }
        let added =
            ADDED.map(|(_, texts)| texts[3 * usize::from(half == Half::HeldOut) + draw.below(3)]);
        let Some(((title, body), (other_title, other_body))) =
            make(articles, &added, length, &mut draw)
        else {
            continue;
        };
        let text = ArticleText { title: &title, body: &body };
        let other = ArticleText { title: &other_title, body: &other_body };
        let is_similar =
            analyzer.vector(text).cosine(&analyzer.vector(other)) >= NEAR_DUPLICATE_COSINE;
        let is_folded =
            Wording::of(text).is_near_duplicate(&Wording::of(other)).unwrap_or(is_similar);
        folded.pairs += 1;
        folded.by_rule += usize::from(is_folded);
        folded.by_whole_texts += usize::from(is_similar);
    }
    folded
}
