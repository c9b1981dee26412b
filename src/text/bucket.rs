//! A bucket of the vocabulary's hash table, packed into machine words.

/// A term's position in the vocabulary, and its row in the model's table.
pub type TermId = u32;

/// A term in its bucket: the high 39 bits of its hash, whether it is a word, and its id in 24 bits.
/// Together with the bits that select the bucket, at least 52 bits tell two hashes apart, and 54 in
/// a vocabulary of 80,000 terms.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Slot(u64);

impl Slot {
    pub(super) const ID_BITS: u32 = 24;
    const WORD: u64 = 1 << Self::ID_BITS;
    const HASH: u64 = !(2 * Self::WORD - 1);

    pub(super) const fn new(hash: u64, found: VocabularyTerm) -> Self {
        Self(hash & Self::HASH | if found.is_word { Self::WORD } else { 0 } | found.id as u64)
    }

    #[inline]
    pub(super) const fn is_of(self, hash: u64) -> bool {
        (self.0 ^ hash) & Self::HASH == 0
    }

    #[inline]
    pub(super) const fn found(self) -> VocabularyTerm {
        VocabularyTerm {
            id: (self.0 & (Self::WORD - 1)) as TermId,
            is_word: self.0 & Self::WORD != 0,
        }
    }
}

/// The capacity of a bucket.
pub(super) const CAPACITY: usize = 8;

/// The tags of a bucket's terms, one byte each, followed by zeros. A tag is the high byte of a
/// term's hash, made odd.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tags(pub(super) u64);

impl Tags {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * Self::ONES;

    #[inline]
    pub(super) const fn of(hash: u64) -> u8 {
        (hash >> 56) as u8 | 1
    }

    /// The high bit of each byte that equals `tag`. A free place never matches, because tags are
    /// odd.
    #[inline]
    pub(super) const fn matches(self, tag: u8) -> u64 {
        let difference = self.0 ^ (tag as u64 * Self::ONES);
        // No carry crosses from one byte to the next.
        !(((difference & !Self::HIGH) + !Self::HIGH) | difference | !Self::HIGH)
    }

    /// A faster form of [`Self::matches`]: zero if that is zero, and with the same first match;
    /// later bits may be wrong.
    #[inline]
    pub(super) const fn first_match(self, tag: u8) -> u64 {
        let difference = self.0 ^ (tag as u64 * Self::ONES);
        difference.wrapping_sub(Self::ONES) & !difference & Self::HIGH
    }

    #[inline]
    pub(super) const fn is_full(self) -> bool {
        self.0 >> 56 != 0
    }

    pub(super) const fn len(self) -> usize {
        (u64::BITS - self.0.leading_zeros()).div_ceil(8) as usize
    }
}

/// A term of a vocabulary, as a look-up finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VocabularyTerm {
    /// Its id.
    pub id: TermId,
    /// Whether it is a word: neither a pair nor a [number](super::is_number).
    pub is_word: bool,
}
