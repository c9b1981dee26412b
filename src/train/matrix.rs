//! The corpus as a sparse matrix of counts, by documents and by terms.

mod in_order;
mod postings;
mod rows;

pub(super) use postings::Postings;
pub(super) use rows::{RowBlock, Rows};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::Document;
    use crate::text::TextOptions;
    use crate::train::dictionary::TextCounter;
    use crate::train::documents::Documents;
    use crate::train::terms::{LeastFrequencies, Vocabulary};

    #[test]
    fn postings_are_the_rows_turned() {
        let mut documents = Documents::default();
        let mut counter = TextCounter::default();
        for n in 0..8_000u64 {
            let text = format!("a{} b{} c{} all b{}", n % 7, n % 11, n % 30, n % 11);
            let counted = counter.count(&Document::of_text(&text), TextOptions::default());
            documents.push(n + 1, counted.expect("no topics")).expect("memory");
        }
        let least = LeastFrequencies { words: 2, pairs: 200 };
        let vocabulary = Vocabulary::of(&documents, least).expect("memory");
        let rows = Rows::of(&documents, &vocabulary).expect("memory");
        let postings = Postings::of(&rows, &vocabulary, 3).expect("memory");
        let mut of_rows = Vec::new();
        for number in 0..rows.block_count() {
            for (document, row) in rows.block(number).expect("memory").iter() {
                assert!(row.is_sorted());
                of_rows.extend(row.iter().map(|&[term, count]| (term as usize, document, count)));
            }
        }
        of_rows.sort_unstable();
        let mut of_postings = Vec::new();
        for number in 0..postings.block_count() {
            for (term, own) in postings.block(number).expect("memory").iter() {
                assert_eq!(own.len(), vocabulary.terms[term].document_frequency as usize);
                let own = own.iter();
                of_postings.extend(own.map(|&[document, count]| (term, document as usize, count)));
            }
        }
        assert!(rows.block_count() > 1 && of_rows == of_postings);
        assert!(of_rows.iter().any(|&(.., count)| count == 2));
    }
}
