//! Articles from a file of any format.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::inputs::ReadingArguments;
use crate::corpus::{Document, Input, Options, Progress, for_each_document};

/// Why an article ends the reading of its file.
pub(super) enum Stop {
    /// What is wrong with the article, in words: it is reported with its line.
    BadArticle(String),
    /// A failure that no article is to blame for.
    Failure(anyhow::Error),
}

/// Calls `work` with each article of a file, in order; returns how many there were.
///
/// # Errors
/// If the file cannot be read or holds a record that is not an article; the error of `work`.
pub(super) fn for_each_article(
    file: &Path,
    reading: &ReadingArguments,
    work: impl FnMut(&Document<'_>) -> Result<(), Stop> + Send,
) -> anyhow::Result<u64> {
    let inputs = [Input::from_argument(file.to_owned())];
    let options = Options { takes_text: true, ..reading.options()? };
    let (work, failure) = (Mutex::new(work), Mutex::new(None));
    let outcome = for_each_document(
        &inputs,
        &options,
        &Progress::default(),
        || (),
        |(), _, document| {
            let mut work = work.lock().unwrap_or_else(PoisonError::into_inner);
            work(&document).map_err(|stop| match stop {
                Stop::BadArticle(reason) => reason,
                Stop::Failure(error) => {
                    let reason = error.to_string();
                    *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    reason
                }
            })
        },
    );
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(outcome?.1.documents),
    }
}

/// What `of` makes of the only article of a file.
///
/// # Errors
/// If the file cannot be read, or holds no article or several; the error of `of`.
pub(super) fn read_article<T: Send>(
    file: &Path,
    reading: &ReadingArguments,
    mut of: impl FnMut(&Document<'_>) -> Result<T, String> + Send,
) -> anyhow::Result<T> {
    let mut found = None;
    for_each_article(file, reading, |document| {
        if found.is_some() {
            return Err(Stop::BadArticle("expected one article, found another".to_owned()));
        }
        found = Some(of(document).map_err(Stop::BadArticle)?);
        Ok(())
    })?;
    let input = Input::from_argument(file.to_owned());
    found.ok_or_else(|| anyhow::anyhow!("{input} holds no article"))
}
