//! Counts the terms of a vocabulary in each document.

use std::io;

use super::blocks::{Matrix, Part};
use crate::train::documents::{Documents, Row};
use crate::train::terms::Vocabulary;

/// A row per document, a column per term.
pub(crate) fn count(documents: &Documents, vocabulary: &Vocabulary) -> io::Result<Matrix> {
    Matrix::of(documents.block_count(), |number| {
        let mut part = Part::default();
        for row in Row::of(&documents.block(number)?) {
            vocabulary.append_row(&row, &mut part.entries);
            part.ends.push(part.entries.len() as u32);
        }
        Ok(vec![part])
    })
}
