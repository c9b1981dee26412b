//! Measures the rule for near-duplicates on pairs made from articles: how many of those that are
//! copies are found, and how many of those that are not are taken for some.
//!
//!     cargo run --release --example near_duplicates -- FILE...
//!
//! Pairs of one half of the articles chose the rule's figures; those of the other half measure it.

use std::sync::Mutex;

use slugline::article::ArticleText;
use slugline::corpus::{Input, OnError, Options, Progress, for_each_document};
use slugline::index::{Analyzer, NEAR_DUPLICATE_SIMILARITY, Wording};

/// So many words of a body are kept.
const LENGTHS: [usize; 6] = [20, 40, 80, 150, 300, 600];
/// So many pairs of a kind and a length are made.
const PAIRS: usize = 500;

/// What services put around the stories of all their articles; those in the first half of each row
/// chose the rule's figures.
const ADDED: [(&str, [&str; 6]); 7] = [
    (
        "banner",
        [
            "Sign up for our morning newsletter and never miss a story.",
            "Follow us on social media and download the app for alerts.",
            "This website uses cookies to give you the best experience.",
            "For immediate release. Contact the press office for further information.",
            "Breaking news and live updates all day: turn on notifications now.",
            "Support independent journalism: become a member today from two pounds a week.",
        ],
    ),
    (
        "paywall",
        [
            "To continue reading this article, subscribe now or log in to your account. Already a subscriber? Sign in here. \
         Subscribers get unlimited digital access to all stories, videos, podcasts and our archive, and support quality \
         journalism. Cancel at any time. Your first month is free, then 9.99 a month until you cancel your subscription.",
            "This article is for subscribers only. You have reached your limit of free articles this month. Create a free account \
         or choose the plan that suits you: monthly, yearly or print and digital. Offers for students and companies are \
         available. By subscribing you accept our terms of use and our privacy policy, and agree to receive emails from us.",
            "Unlock this story with a trial. Get full access on your phone, tablet and computer, daily briefings by our editors, \
         expert comment, crosswords and exclusive events. Have you subscribed in print? Activate your digital account by \
         entering your customer number. Questions? Call our customer service or write to the help desk on working days.",
            "Thank you for visiting. The rest of this report is reserved for premium members. Join more than one million readers \
         who rely on our coverage every day. Pay by card or invoice, switch plans whenever you like, share up to ten articles \
         as gifts and read without advertising. If you are a member, please enter your password to proceed to the full text.",
            "Register to keep reading. It takes less than a minute and costs nothing: enter your email address, pick a password \
         and confirm the link that we send you. Registered users can save stories, comment, follow topics and authors and \
         set up personal alerts. We never sell your data. Registration means that you agree with the conditions of service.",
            "You can read two more articles before you need a pass. The day pass opens everything for twenty four hours, the \
         weekend pass brings the magazine and the puzzles as well. Passes end by themselves and are not renewed. Vouchers can \
         be redeemed at checkout. Libraries and schools may ask for group passes through the form at the bottom of the page.",
        ],
    ),
    (
        "notice",
        [
            "We and our partners store and access information on a device, such as cookies, and process personal data, such as \
         unique identifiers and standard information sent by a device, for personalised advertising and content, advertising \
         and content measurement, audience research and services development. With your permission we and our partners may \
         use precise geolocation data and identification through device scanning. You may click to consent to the processing \
         described above. Alternatively you may click to refuse to consent or access more detailed information and change \
         your preferences before consenting. Please note that some processing of your personal data may not require your \
         consent, but you have a right to object to such processing. Your preferences will apply to this website only. You \
         can change your preferences or withdraw your consent at any time by returning to this site and clicking the button.",
            "Your browser is out of date or blocks scripts, so parts of this page cannot be shown. Please enable scripts, disable \
         any ad blocker and reload the page. Advertising pays for the work of our reporters, photographers and editors, and \
         lets us offer most of what we publish without a charge. If you see this message although no blocker is installed, \
         the settings of your network or an extension may be the reason: try another browser, or a private window, or ask \
         your administrator. Readers who prefer not to see advertising can choose the ad free subscription, which can be \
         ended at the close of every month and includes the newsletter, the archive since the founding year, the mobile \
         edition and the electronic copy of the printed paper from nine in the evening before the day that it is sold.",
            "All rights reserved. No part of this page may be reproduced, stored in a retrieval system or transmitted in any form \
         or by any means without the written permission of the publisher. The opinions of guest authors are their own and \
         do not reflect those of the editors. Prices and stock quotes are delayed by at least fifteen minutes and are meant \
         for information, not for trading. Corrections: if you find a mistake in our coverage, write to the standards desk \
         with the address of the page, the sentence in question and, where you can, a source. Complaints that cannot be \
         settled with us may be taken to the press council, whose code we follow. Comments are moderated during office \
         hours and are closed after three days; insults, advertising and claims without evidence are removed.",
            "This site is published by a foundation that belongs to its staff. It takes no money from parties, churches or the \
         state, and lives on the dues of its members, who elect the board each spring. Whoever joins receives the yearly \
         report, a vote at the assembly and an invitation to the open house, where the newsroom shows how an issue is made. \
         Gifts are deductible where the law allows it; a receipt is mailed in January. To join, fill in the form, choose an \
         amount and a rhythm of payment, and send it off; a welcome letter follows within ten days. Members who move house, \
         change banks or wish to leave can do so online. Should you have trouble with the form, our volunteers are glad to \
         help by telephone from Tuesday to Friday, or in person at the shop on the ground floor of the building.",
            "Help us to serve you better by taking part in a short survey about this page. It has eight questions, takes about \
         four minutes and asks for neither your name nor your address. Among all who reply we draw fifty book tokens; \
         employees and their families may not take part. Answers are stored without a link to your visit, analysed by an \
         institute on our behalf and deleted after six months. Would you rather tell us something in your own words? The \
         box at the end has room for a thousand characters, and every single entry is read. If the survey does not open, \
         allow pop up windows for this page, or take the printed sheet that lies in our branches. Earlier results, and what \
         we changed because of them, are listed on the page about us, together with the names of the committee.",
            "Listening mode reads this page aloud. Choose a voice and a speed with the wheel, skip forward with the arrows and \
         stop with the space bar. The player keeps your place for thirty days on this device. Text size, contrast and line \
         spacing can be set in the menu with the figure, and large print can be ordered from the shop. Pictures carry a \
         description, charts a table; where one is missing, please tell the accessibility desk, which replies on the next \
         working day. Pages in plain language appear twice a week and are marked with a green leaf. Sign language films \
         are made for elections and emergencies. We test every new feature with people who use screen readers, and publish \
         what failed together with the date by which it should be mended. Certificates are listed at the end of the page.",
        ],
    ),
    (
        "dateline",
        [
            "PORT SARNO, Nov 23 (Reuters) -",
            "NEW HALDEN (AP) --",
            "Brackwater, 4 March 2026 /PRNewswire/ --",
            "LONDON, June 9 (AFP) -",
            "ST. AUBREY, Minn. (Tribune News Service) --",
            "Kelvar City, Monday:",
        ],
    ),
    (
        "byline",
        [
            "By Jane Doe, Staff Writer",
            "By PETER HALVORSEN and ANA LIMA",
            "Maria Okafor, Political Correspondent",
            "By The Associated Press",
            "From our correspondent in Vellamo, Tomas Reik",
            "Written by Lucy Marsh for The Evening Ledger",
        ],
    ),
    (
        "credit",
        [
            "(Reporting by Jane Doe; editing by John Smith)",
            "(Reporting by Carla Brandt in Berlin and Tom Ode in Lagos; Editing by Mark Hale)",
            "The Associated Press writer Ed Novak contributed to this report.",
            "(Additional reporting by Ines Pardo and Wei Zhang; Editing by Rosa Kent and Paul Iwu)",
            "Our correspondents Amir Sadeghi and Nora Lind also reported on this story from Geneva.",
            "Edited by: Hugh Farrow. With material from agencies.",
        ],
    ),
    (
        "copyright",
        [
            "Copyright 2026 The Associated Press. All rights reserved.",
            "© 2026 Halden Media Group. This material may not be published, broadcast, rewritten or \
         redistributed without permission.",
            "(c) Thomson Reuters 2026. Click for restrictions.",
            "Copyright © 2026, The Evening Ledger. Distributed by Tribune Content Agency, LLC.",
            "© Agence France-Presse. Reproduction prohibited.",
            "Copyright 2026 Vellamo Times Ltd. No part of this text may be copied or passed on in any \
         form. All rights reserved worldwide.",
        ],
    ),
];

struct Article {
    title: String,
    words: Vec<String>,
    source: String,
    is_held_out: bool,
}

impl Article {
    fn start(&self, length: usize) -> String {
        self.words[..length.min(self.words.len())].join(" ")
    }
}

/// Numbers that are the same on every machine (SplitMix64).
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) % bound as u64) as usize
    }
}

fn read(inputs: Vec<Input>) -> anyhow::Result<Vec<Article>> {
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

type Pair = ((String, String), (String, String));
type Make = fn(&[&Article], &[&str], usize, &mut Draw) -> Option<Pair>;

fn any<'a>(articles: &[&'a Article], draw: &mut Draw) -> &'a Article {
    articles[draw.below(articles.len())]
}

fn long<'a>(articles: &[&'a Article], length: usize, draw: &mut Draw) -> Option<&'a Article> {
    Some(any(articles, draw)).filter(|article| article.words.len() >= length)
}

fn edited(text: &str, percent: usize, articles: &[&Article], draw: &mut Draw) -> String {
    let other = any(articles, draw);
    let words = text.split(' ').map(|word| {
        if draw.below(100) < percent { &other.words[draw.below(other.words.len())] } else { word }
    });
    words.collect::<Vec<&str>>().join(" ")
}

/// Pairs with their names; whether they are copies, where anybody can say.
const KINDS: [(&str, Option<bool>, Make); 27] = [
    ("the same body, another headline", Some(true), |articles, _, length, draw| {
        let article = long(articles, length, draw)?;
        let body = article.start(length);
        Some(((article.title.clone(), body.clone()), (any(articles, draw).title.clone(), body)))
    }),
    ("the same body, both headlines of others", Some(true), |articles, _, length, draw| {
        let body = long(articles, length, draw)?.start(length);
        Some((
            (any(articles, draw).title.clone(), body.clone()),
            (any(articles, draw).title.clone(), body),
        ))
    }),
    ("the same body, one without a headline", Some(true), |articles, _, length, draw| {
        let article = long(articles, length, draw)?;
        Some((
            (article.title.clone(), article.start(length)),
            (String::new(), article.start(length)),
        ))
    }),
    ("cut to half, another headline", Some(true), |articles, _, length, draw| {
        let article = long(articles, 2 * length, draw)?;
        Some((
            (article.title.clone(), article.start(2 * length)),
            (any(articles, draw).title.clone(), article.start(length)),
        ))
    }),
    ("cut to a fifth, another headline", Some(true), |articles, _, length, draw| {
        let article = long(articles, 5 * length, draw)?;
        Some((
            (article.title.clone(), article.start(5 * length)),
            (any(articles, draw).title.clone(), article.start(length)),
        ))
    }),
    ("5 % of the words others, another headline", Some(true), |articles, _, length, draw| {
        let article = long(articles, length, draw)?;
        let body = article.start(length);
        let other = edited(&body, 5, articles, draw);
        Some(((article.title.clone(), body), (any(articles, draw).title.clone(), other)))
    }),
    ("10 % of the words others, the same headline", Some(true), |articles, _, length, draw| {
        let article = long(articles, length, draw)?;
        let body = article.start(length);
        let other = edited(&body, 10, articles, draw);
        Some(((article.title.clone(), body), (article.title.clone(), other)))
    }),
    (
        "the same body, a banner behind one, another headline",
        Some(true),
        |articles, added, length, draw| {
            let article = long(articles, length, draw)?;
            let other = format!("{} {}", article.start(length), added[0]);
            Some((
                (article.title.clone(), article.start(length)),
                (any(articles, draw).title.clone(), other),
            ))
        },
    ),
    (
        "both headlines of others, a dateline before one",
        Some(true),
        |articles, added, length, draw| {
            around(articles, length, draw, [&format!("{} ", added[3]), ""], ["", ""])
        },
    ),
    (
        "both headlines of others, a byline before one",
        Some(true),
        |articles, added, length, draw| {
            around(articles, length, draw, [&format!("{} ", added[4]), ""], ["", ""])
        },
    ),
    (
        "both headlines of others, a credit behind one",
        Some(true),
        |articles, added, length, draw| {
            around(articles, length, draw, ["", ""], [&format!(" {}", added[5]), ""])
        },
    ),
    (
        "both headlines of others, a copyright behind one",
        Some(true),
        |articles, added, length, draw| {
            around(articles, length, draw, ["", ""], [&format!(" {}", added[6]), ""])
        },
    ),
    (
        "both headlines of others, a dateline and a credit around one",
        Some(true),
        |articles, added, length, draw| {
            around(
                articles,
                length,
                draw,
                [&format!("{} ", added[3]), ""],
                [&format!(" {}", added[5]), ""],
            )
        },
    ),
    (
        "both headlines of others, a dateline before one, a copyright behind the other",
        Some(true),
        |articles, added, length, draw| {
            around(
                articles,
                length,
                draw,
                [&format!("{} ", added[3]), ""],
                ["", &format!(" {}", added[6])],
            )
        },
    ),
    (
        "both headlines of others, a dateline before one, a byline before the other",
        Some(true),
        |articles, added, length, draw| {
            around(
                articles,
                length,
                draw,
                [&format!("{} ", added[3]), &format!("{} ", added[4])],
                ["", ""],
            )
        },
    ),
    (
        "both headlines of others, a credit behind one, a copyright behind the other",
        Some(true),
        |articles, added, length, draw| {
            around(
                articles,
                length,
                draw,
                ["", ""],
                [&format!(" {}", added[5]), &format!(" {}", added[6])],
            )
        },
    ),
    ("stories of one office", Some(false), |articles, _, length, draw| {
        let article = long(articles, length, draw)?;
        let other = (0..2_000).find_map(|_| {
            long(articles, length, draw).filter(|other| other.source == article.source)
        })?;
        let is_other = !std::ptr::eq(article, other);
        is_other.then(|| {
            (
                (article.title.clone(), article.start(length)),
                (other.title.clone(), other.start(length)),
            )
        })
    }),
    ("any stories, the same headline", Some(false), |articles, _, length, draw| {
        let (article, other) = (long(articles, length, draw)?, long(articles, length, draw)?);
        Some((
            (article.title.clone(), article.start(length)),
            (article.title.clone(), other.start(length)),
        ))
    }),
    ("stories with a banner before", Some(false), |articles, added, length, draw| {
        with(articles, length, draw, |body| format!("{} {body}", added[0]))
    }),
    ("stories with a banner behind", Some(false), |articles, added, length, draw| {
        with(articles, length, draw, |body| format!("{body} {}", added[0]))
    }),
    ("stories with a paywall behind", Some(false), |articles, added, length, draw| {
        with(articles, length, draw, |body| format!("{body} {}", added[1]))
    }),
    ("stories with a notice before", Some(false), |articles, added, length, draw| {
        with(articles, length, draw, |body| format!("{} {body}", added[2]))
    }),
    (
        "stubs of 12 to 40 words, so many words of a notice behind",
        Some(false),
        |articles, added, length, draw| {
            stubs(articles, draw, |own| format!("{own} {}", words(added[2], length)))
        },
    ),
    (
        "stubs of 12 to 40 words, so many words of a notice before",
        Some(false),
        |articles, added, length, draw| {
            stubs(articles, draw, |own| format!("{} {own}", words(added[2], length)))
        },
    ),
    (
        "a stub of 12 to 40 words with a notice, the notice alone",
        Some(false),
        |articles, added, length, draw| {
            let notice = words(added[2], length);
            let ((title, body), other) = stubs(articles, draw, |own| format!("{own} {notice}"))?;
            Some(((title, body), (other.0, notice)))
        },
    ),
    ("a paywall's text alone", None, |articles, added, length, draw| {
        with(articles, length, draw, |_| added[1].to_owned())
    }),
    ("a notice's text alone", None, |articles, added, length, draw| {
        with(articles, length, draw, |_| added[2].to_owned())
    }),
];

fn with(
    articles: &[&Article],
    length: usize,
    draw: &mut Draw,
    change: impl Fn(&str) -> String,
) -> Option<Pair> {
    let (article, other) = (long(articles, length, draw)?, long(articles, length, draw)?);
    Some((
        (article.title.clone(), change(&article.start(length))),
        (other.title.clone(), change(&other.start(length))),
    ))
}

/// One body under the headlines of others, with what each copy has before and behind it.
fn around(
    articles: &[&Article],
    length: usize,
    draw: &mut Draw,
    before: [&str; 2],
    behind: [&str; 2],
) -> Option<Pair> {
    let body = long(articles, length, draw)?.start(length);
    let mut copy = |one: usize| {
        (any(articles, draw).title.clone(), format!("{}{body}{}", before[one], behind[one]))
    };
    Some((copy(0), copy(1)))
}

/// Two short stories, changed alike.
fn stubs(articles: &[&Article], draw: &mut Draw, change: impl Fn(&str) -> String) -> Option<Pair> {
    let mut stub = || {
        let article = any(articles, draw);
        (article.title.clone(), change(&article.start(12 + draw.below(29))))
    };
    Some((stub(), stub()))
}

fn words(text: &str, most: usize) -> String {
    text.split_whitespace().take(most).collect::<Vec<&str>>().join(" ")
}

fn main() -> anyhow::Result<()> {
    let articles =
        read(std::env::args_os().skip(1).map(|path| Input::from_argument(path.into())).collect())?;
    for is_held_out in [false, true] {
        let part: Vec<&Article> =
            articles.iter().filter(|article| article.is_held_out == is_held_out).collect();
        let what =
            if is_held_out { "that were held out" } else { "that the figures were chosen by" };
        println!(
            "\n{} articles {what}: % of the pairs that are folded (by whole texts at 0.85)\n",
            part.len()
        );
        println!("| words | {} |", LENGTHS.map(|length| length.to_string()).join(" | "));
        println!("|{}", "---|".repeat(1 + LENGTHS.len()));
        let (mut right, mut wrong, mut missed) =
            ([0; LENGTHS.len()], [0; LENGTHS.len()], [0; LENGTHS.len()]);
        for (name, is_copy, make) in KINDS {
            let mut row = String::new();
            for (place, length) in LENGTHS.into_iter().enumerate() {
                let Folded { pairs, by_rule, by_whole_texts } =
                    measure(&part, is_held_out, make, length);
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
        let share = |of: [usize; LENGTHS.len()], rest: [usize; LENGTHS.len()]| {
            let shares = of
                .iter()
                .zip(rest)
                .map(|(of, rest)| format!("{:.3}", *of as f64 / (of + rest).max(1) as f64));
            shares.collect::<Vec<_>>().join(" | ")
        };
        println!("| precision | {} |\n| recall | {} |", share(right, wrong), share(right, missed));
    }
    Ok(())
}

/// How many pairs of a kind there were, and how many are folded.
#[derive(Default)]
struct Folded {
    pairs: usize,
    by_rule: usize,
    by_whole_texts: usize,
}

fn measure(articles: &[&Article], is_held_out: bool, make: Make, length: usize) -> Folded {
    let mut draw = Draw(length as u64);
    let mut folded = Folded::default();
    let mut analyzer = Analyzer::default();
    for _ in 0..20 * PAIRS {
        if folded.pairs == PAIRS {
            break;
        }
        let added = ADDED.map(|(_, texts)| texts[3 * usize::from(is_held_out) + draw.below(3)]);
        let Some(((title, body), (other_title, other_body))) =
            make(articles, &added, length, &mut draw)
        else {
            continue;
        };
        let text = ArticleText { title: &title, body: &body };
        let other = ArticleText { title: &other_title, body: &other_body };
        let is_similar =
            analyzer.vector(text).similarity(&analyzer.vector(other)) >= NEAR_DUPLICATE_SIMILARITY;
        let is_folded =
            Wording::of(text).is_near_duplicate(&Wording::of(other)).unwrap_or(is_similar);
        folded.pairs += 1;
        folded.by_rule += usize::from(is_folded);
        folded.by_whole_texts += usize::from(is_similar);
    }
    folded
}
