//! How rare a term is: its inverse document frequency in a fixed background of English news, which
//! is part of the binary.
//!
//! The archive's own frequencies are not used, so that two articles keep their similarity while the
//! archive grows (ADR 9).

use std::sync::LazyLock;

use super::vector::TermKey;

/// `[magic: 8][idf of an unknown term: u16][terms: u32][fingerprint: u32 ...][idf: u16 ...]`,
/// little-endian, by ascending fingerprint. Made by `.ci/build-background`.
const FILE: &[u8] = include_bytes!("background.bin");
const MAGIC: &[u8; 8] = b"SLBGIDF1";

/// An inverse document frequency of 1 as it is stored.
pub(super) const IDF_ONE: u16 = 2_048;

static BACKGROUND: LazyLock<Background> =
    // The file is part of the binary, and every test that ranks reads it.
    LazyLock::new(|| Background::parse(FILE).expect("the embedded background is well-formed"));

/// The inverse document frequencies of many terms.
#[derive(Debug)]
pub struct Background {
    unknown: u16,
    /// By the fingerprint's upper 16 bits: where its entries begin.
    starts: Vec<u32>,
    entries: Vec<(u32, u16)>,
}

impl Background {
    /// The one in the binary.
    pub fn get() -> &'static Self {
        &BACKGROUND
    }

    /// The inverse document frequency of a term, in units of 1 / 2,048; a term that the background
    /// has not is as rare as can be.
    pub fn idf(&self, term: TermKey) -> u16 {
        let fingerprint = term.fingerprint();
        let bucket = (fingerprint >> 16) as usize;
        let range = self.starts[bucket] as usize..self.starts[bucket + 1] as usize;
        self.entries[range]
            .iter()
            .find(|(known, _)| *known == fingerprint)
            .map_or(self.unknown, |(_, idf)| *idf)
    }

    /// Writes a background: ln(1 + documents / frequency) to the power 0.75 for each term, an
    /// unknown one counting as half of `least`. Terms below `least` are left out.
    pub fn encode(
        documents: f64,
        frequencies: impl IntoIterator<Item = (TermKey, f64)>,
        least: f64,
    ) -> Vec<u8> {
        let idf = |frequency: f64| {
            let value = libm::pow(libm::log(1.0 + documents / frequency), IDF_POWER);
            (value * f64::from(IDF_ONE)).round() as u16
        };
        let known = frequencies.into_iter().filter(|(_, frequency)| *frequency >= least);
        let mut entries: Vec<(u32, f64)> =
            known.map(|(term, frequency)| (term.fingerprint(), frequency)).collect();
        entries.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
        // Of two terms of one fingerprint the more frequent one counts.
        entries.dedup_by_key(|(fingerprint, _)| *fingerprint);
        let mut file = MAGIC.to_vec();
        file.extend(idf(least / 2.0).to_le_bytes());
        file.extend((entries.len() as u32).to_le_bytes());
        entries.iter().for_each(|(fingerprint, _)| file.extend(fingerprint.to_le_bytes()));
        entries.iter().for_each(|(_, frequency)| file.extend(idf(*frequency).to_le_bytes()));
        file
    }

    fn parse(file: &[u8]) -> Option<Self> {
        let rest = file.strip_prefix(MAGIC)?;
        let (unknown, rest) = rest.split_first_chunk::<2>()?;
        let (count, rest) = rest.split_first_chunk::<4>()?;
        let count = u32::from_le_bytes(*count) as usize;
        let (fingerprints, idfs) = rest.split_at_checked(count.checked_mul(4)?)?;
        if idfs.len() != 2 * count {
            return None;
        }
        let fingerprints = fingerprints
            .chunks_exact(4)
            .map(|bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        let idfs = idfs.chunks_exact(2).map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
        let entries: Vec<(u32, u16)> = fingerprints.zip(idfs).collect();
        if !entries.is_sorted_by(|a, b| a.0 < b.0) {
            return None;
        }
        let starts = (0..=1_u64 << 16)
            .map(|bucket| entries.partition_point(|entry| u64::from(entry.0) < bucket << 16) as u32)
            .collect();
        Some(Self { unknown: u16::from_le_bytes(*unknown), starts, entries })
    }
}

/// Softens the inverse document frequency (`docs/ranking.md` has what was measured).
const IDF_POWER: f64 = 0.75;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(word: &str) -> TermKey {
        TermKey::of_stem(word)
    }

    #[test]
    fn frequent_terms_count_less_than_rare_ones_and_unknown_ones_most() {
        let background = Background::get();
        let idfs: Vec<u16> =
            ["the", "govern", "volcano", "zzyzxq"].map(|word| background.idf(key(word))).to_vec();
        assert!(idfs.is_sorted_by(|a, b| a < b), "{idfs:?}");
    }

    #[test]
    fn a_background_is_read_as_it_was_written() {
        let file = Background::encode(
            1_000.0,
            [(key("a"), 500.0), (key("b"), 10.0), (key("c"), 3.0)],
            5.0,
        );
        let background = Background::parse(&file).expect("a background");
        // By Python: math.log(1 + 1000 / frequency) ** 0.75; half of 5 for the unknown and the left
        // out.
        for (word, idf) in [("a", 1.07308), ("b", 3.14874), ("c", 3.83076), ("d", 3.83076)] {
            let found = f64::from(background.idf(key(word))) / f64::from(IDF_ONE);
            assert!((found - idf).abs() < 0.0005, "{word}: {found}");
        }
    }

    #[test]
    fn what_is_no_background_is_refused() {
        let file = Background::encode(1_000.0, [(key("a"), 500.0), (key("b"), 10.0)], 5.0);
        for length in 0..file.len() {
            assert!(Background::parse(&file[..length]).is_none(), "{length} bytes");
        }
    }
}
