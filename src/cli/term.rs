//! What a term is called where people read it.

use crate::text::ArticleForm;

/// The term as it is, or in words where it stands for the form of an article.
pub(super) fn in_words(term: &str) -> &str {
    match ArticleForm::of_term(term) {
        None => term,
        Some(ArticleForm::Headline) => "(the article's form: a headline)",
        Some(ArticleForm::Story) => "(the article's form: a story)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_an_article_is_said_in_words() {
        for form in ArticleForm::ALL {
            let words = in_words(form.term());
            assert!(words.starts_with("(the article's form: "), "{words}");
        }
        assert_eq!(in_words("headline news"), "headline news");
    }
}
