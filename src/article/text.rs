//! The text of an article.

/// The text of an article, borrowed from its owner.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ArticleText<'a> {
    /// The headline; may be empty.
    pub title: &'a str,
    /// The text under the headline; may be empty.
    pub body: &'a str,
}

impl ArticleText<'_> {
    /// The size of title and body together, in bytes of UTF-8.
    pub fn size_bytes(&self) -> usize {
        self.title.len() + self.body.len()
    }

    /// Whether it has nothing but white space.
    pub fn is_blank(&self) -> bool {
        [self.title, self.body].iter().all(|text| text.chars().all(char::is_whitespace))
    }
}

/// A field of an article's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ArticleField {
    /// [`ArticleText::title`].
    Title,
    /// [`ArticleText::body`].
    Body,
}

/// A range of an article's text, in Unicode code points from the start of its field; `end` is
/// exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextSpan {
    /// The field it lies in.
    pub field: ArticleField,
    /// Its first code point.
    pub start: u32,
    /// The code point after its last.
    pub end: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_article_of_white_space_is_blank() {
        assert!(ArticleText { title: " \n", body: "\u{3000}" }.is_blank());
        assert!(!ArticleText { title: "", body: "x" }.is_blank());
    }
}
