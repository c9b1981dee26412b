//! Recognises fields and columns by their names.

use std::fmt::Write as _;

/// What a field or a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Id,
    Title,
    Body,
    Topics,
    /// Topics if it is a string or a list, labels of the archive if it is an object.
    Labels,
    Story,
    Time,
    Source,
    Language,
}

/// Names of title, body and topics that replace the usual ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldNames {
    /// The field that holds the title.
    pub title: Option<String>,
    /// The field that holds the body.
    pub body: Option<String>,
    /// The field that holds the topics.
    pub topics: Option<String>,
    /// Whether topics are ignored.
    pub without_topics: bool,
}

/// The most names that a message lists.
const LISTED_NAMES: usize = 20;
/// The most characters of the input that a message repeats.
const REPEATED_CHARACTERS: usize = 60;

impl FieldNames {
    /// What a field of this name holds; None if it is ignored.
    pub(super) fn role(&self, name: &str) -> Option<Role> {
        if self.title.is_none() && self.body.is_none() && self.topics.is_none() {
            return usual_role(name).filter(|role| *role != Role::Topics || !self.without_topics);
        }
        let chosen =
            [(&self.title, Role::Title), (&self.body, Role::Body), (&self.topics, Role::Topics)];
        let is_called = |wanted: &&(&Option<String>, Role)| {
            wanted.0.as_deref().is_some_and(|wanted| is_same(wanted, name))
        };
        let role = match chosen.iter().find(is_called) {
            Some((_, role)) => *role,
            None => match usual_role(name)? {
                Role::Title if self.title.is_some() => return None,
                Role::Body if self.body.is_some() => return None,
                Role::Topics if self.topics.is_some() => return None,
                role => role,
            },
        };
        (role != Role::Topics || !self.without_topics).then_some(role)
    }

    /// Whether a name is ignored because topics are, which needs no warning.
    pub(super) fn is_unwanted(&self, name: &str) -> bool {
        self.without_topics && matches!(usual_role(name), Some(Role::Topics | Role::Labels))
    }

    /// Whether a name may mean something else: neither a flag nor the documentation fixes it.
    pub(super) fn is_guessed(&self, role: Role, name: &str) -> bool {
        match role {
            Role::Title => self.title.is_none() && plain(name) != "title",
            Role::Body => self.body.is_none() && plain(name) != "body",
            Role::Time => plain(name) != "publishtime",
            Role::Language => plain(name) != "languagecode",
            Role::Source => true,
            Role::Id | Role::Topics | Role::Labels | Role::Story => false,
        }
    }

    /// Whether a string or a list in a field of [`Role::Labels`] holds topics.
    pub(super) fn takes_labels_for_topics(&self) -> bool {
        self.topics.is_none() && !self.without_topics
    }
}

/// The role of a usual name, regardless of case, blanks, hyphens and underscores.
fn usual_role(name: &str) -> Option<Role> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if name.bytes().all(is_plain) { usual_plain_role(name) } else { usual_plain_role(&plain(name)) }
}

fn usual_plain_role(name: &str) -> Option<Role> {
    Some(match name {
        "id" | "articleid" | "guid" | "uuid" => Role::Id,
        "title" | "headline" => Role::Title,
        "body" | "text" | "content" | "article" | "description" => Role::Body,
        "topics" | "topic" | "label" | "category" | "classindex" => Role::Topics,
        "labels" => Role::Labels,
        "story" => Role::Story,
        "publishtime" | "publishedat" | "published" | "publishdate" | "pubdate"
        | "publicationdate" | "datepublished" | "date" => Role::Time,
        "source" | "publisher" => Role::Source,
        "languagecode" | "language" | "lang" => Role::Language,
        _ => return None,
    })
}

/// A name in lower case, without blanks, hyphens and underscores.
pub(super) fn plain(name: &str) -> String {
    let is_left_out = |c: &char| matches!(c, '_' | '-' | ' ');
    name.trim().chars().filter(|c| !is_left_out(c)).map(|c| c.to_ascii_lowercase()).collect()
}

/// Whether two names are the same, regardless of case, blanks, hyphens and underscores.
pub(super) fn is_same(wanted: &str, name: &str) -> bool {
    wanted == name || plain(wanted) == plain(name)
}

/// The preference among several names for id, time, source or language; lower ranks win.
pub(super) fn rank(name: &str) -> usize {
    const ORDER: [&str; 16] = [
        "id",
        "articleid",
        "guid",
        "uuid",
        "publishtime",
        "publishedat",
        "published",
        "publishdate",
        "pubdate",
        "publicationdate",
        "datepublished",
        "date",
        "source",
        "publisher",
        "languagecode",
        "language",
    ];
    let name = plain(name);
    ORDER.iter().position(|known| *known == name).unwrap_or(ORDER.len())
}

/// The flag that names the field of a role.
fn flag(role: Role) -> &'static str {
    match role {
        Role::Title => "--title-field",
        Role::Body => "--body-field",
        _ => "--topics-field",
    }
}

/// Says that two fields could be the same thing.
pub(super) fn ambiguous(role: Role, first: &str, second: &str) -> String {
    let what = match role {
        Role::Title => "the title",
        Role::Body => "the body",
        _ => "the topics",
    };
    if first == second {
        return format!("{} occurs twice", quoted(first));
    }
    format!(
        "{} and {} could both be {what}: choose one with {}",
        quoted(first),
        quoted(second),
        flag(role)
    )
}

/// Lists names in quotation marks, no more than can be read.
pub fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for (place, name) in names.into_iter().enumerate() {
        if place == LISTED_NAMES {
            text.push_str(", ...");
            break;
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "{}{}", if place > 0 { ", " } else { "" }, quoted(name));
    }
    text
}

/// Quotes a piece of the input, cut if it is long.
pub fn quoted(text: &str) -> String {
    match text.char_indices().nth(REPEATED_CHARACTERS) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// Cuts a sentence that repeats too much of the input.
pub(super) fn shortened(sentence: &str) -> String {
    let most = 5 * REPEATED_CHARACTERS;
    match sentence.char_indices().nth(most) {
        Some((end, _)) => format!("{}...", &sentence[..end]),
        None => sentence.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_names_are_known_in_any_case() {
        let names = FieldNames::default();
        for (name, role) in [
            ("title", Role::Title),
            ("Headline", Role::Title),
            ("TEXT", Role::Body),
            ("content", Role::Body),
            ("article", Role::Body),
            ("Description", Role::Body),
            (" Class Index", Role::Topics),
            ("category", Role::Topics),
            ("labels", Role::Labels),
            ("pubDate", Role::Time),
            ("published_at", Role::Time),
            ("publisher", Role::Source),
            ("language-code", Role::Language),
        ] {
            assert_eq!(names.role(name), Some(role), "{name}");
        }
        assert_eq!(names.role("summary"), None);
    }

    #[test]
    fn a_chosen_name_takes_the_place_of_the_usual_ones() {
        let names = FieldNames {
            body: Some("Summary".to_owned()),
            topics: Some("title".to_owned()),
            ..FieldNames::default()
        };
        let roles = ["summary", "text", "title", "headline", "topics"].map(|name| names.role(name));
        assert_eq!(roles, [Some(Role::Body), None, Some(Role::Topics), Some(Role::Title), None]);
    }
}
