//! The one article that a command is about, from a file of any format.

use std::path::Path;

use super::inputs::ReadingArguments;
use crate::article::ArticleText;
use crate::corpus::{Document, Input, Options, Progress, for_each_document};

/// An article from a file of its own.
#[derive(Debug, Default)]
pub(super) struct ArticleFile {
    title: String,
    body: String,
}

impl ArticleFile {
    /// Reads the only article of a file.
    ///
    /// # Errors
    /// If the file cannot be read, or holds no article or several.
    pub(super) fn read(file: &Path, reading: &ReadingArguments) -> anyhow::Result<Self> {
        let text = |document: &Document<'_>| {
            Ok(Self { title: document.title.to_string(), body: document.body.to_string() })
        };
        read_one(file, reading, text)
    }

    pub(super) fn text(&self) -> ArticleText<'_> {
        ArticleText { title: &self.title, body: &self.body }
    }
}

/// What `of` makes of the only article of a file.
///
/// # Errors
/// If the file cannot be read, or holds no article or several; that of `of`.
pub(super) fn read_one<T: Send>(
    file: &Path,
    reading: &ReadingArguments,
    of: impl Fn(&Document<'_>) -> Result<T, String> + Sync,
) -> anyhow::Result<T> {
    let inputs = [Input::from_argument(file.to_owned())];
    let options = Options { takes_text: true, ..reading.options()? };
    let (mut found, _) = for_each_document(
        &inputs,
        &options,
        &Progress::default(),
        || None,
        |article, _, document| match article {
            Some(_) => Err("there is more than one article, and one is wanted".to_owned()),
            None => {
                *article = Some(of(&document)?);
                Ok(())
            }
        },
    )?;
    found.pop().flatten().ok_or_else(|| anyhow::anyhow!("{} holds no article", inputs[0]))
}
