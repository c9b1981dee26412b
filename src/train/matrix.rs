//! The corpus as a sparse matrix of counts, by documents and by terms.

mod blocks;
mod count;
mod transpose;

pub(super) use blocks::{Block, Matrix};
pub(super) use count::count;
pub(super) use transpose::transpose;

#[cfg(test)]
mod tests {
    use super::transpose::COUNTS_PER_BLOCK;
    use super::*;
    use crate::train::documents::Documents;
    use crate::train::terms::{LeastFrequencies, Vocabulary};

    /// Per block: row, column, count.
    fn entries(matrix: &Matrix) -> Vec<Vec<(usize, u32, u32)>> {
        let blocks = (0..matrix.block_count()).map(|number| matrix.block(number).expect("memory"));
        let of_row = |(row, entries): (usize, &[[u32; 2]])| {
            assert!(entries.is_sorted());
            entries.iter().map(|&[column, count]| (row, column, count)).collect::<Vec<_>>()
        };
        blocks.map(|block| block.iter().flat_map(of_row).collect()).collect()
    }

    #[test]
    fn postings_are_the_rows_transposed() {
        let text = |n| format!("a{} b{} c{} all b{}", n % 7, n % 11, n % 30, n % 11);
        let texts: Vec<String> = (0..8_000).map(text).collect();
        let documents = Documents::of_texts(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        let least = LeastFrequencies { words: 2, pairs: 200 };
        let vocabulary = Vocabulary::of(&documents, least).expect("memory");
        let rows = count(&documents, &vocabulary).expect("memory");
        let postings = transpose(&rows, &vocabulary, COUNTS_PER_BLOCK / 20).expect("memory");
        let (of_rows, of_postings) = (entries(&rows), entries(&postings));
        assert!(of_rows.len() > 1 && of_postings.len() > 1);
        let turned = of_rows
            .concat()
            .into_iter()
            .map(|(row, column, count)| (column as usize, row as u32, count));
        let mut turned: Vec<_> = turned.collect();
        turned.sort_unstable();
        assert_eq!(turned, of_postings.concat());
        assert!(turned.iter().any(|&(.., count)| count == 2));
        for same in turned.chunk_by(|a, b| a.0 == b.0) {
            let term = &vocabulary.terms[same[0].0];
            assert_eq!(same.len(), term.document_frequency as usize);
        }
    }
}
