//! Pairs of articles: copies, and stories that are not.

use crate::article::{Article, Draw};

pub(crate) type Pair = ((String, String), (String, String));
pub(crate) type Make = fn(&[&Article], &[&str], usize, &mut Draw) -> Option<Pair>;

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

/// Kinds of pairs, by name; whether they are copies, where that is clear.
pub(crate) const KINDS: [(&str, Option<bool>, Make); 27] = [
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
