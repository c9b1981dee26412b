//! A bucket of the vocabulary's hash table, packed into machine words.

/// A term's place in the vocabulary, and its row in the model's table.
pub type TermId = u32;

/// A term as its bucket lists it: the high 39 bits of its hash, whether it is a word, and its id in
/// 24 bits. With the bits that choose
/// the bucket, two hashes are told apart by 52 bits or more, in a vocabulary of 80,000 terms by 54.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Slot(u64);

impl Slot {
    pub(super) const ID_BITS: u32 = 24;
    const WORD: u64 = 1 << Self::ID_BITS;
    const HASH: u64 = !(2 * Self::WORD - 1);

    pub(super) const fn new(hash: u64, found: Found) -> Self {
        Self(hash & Self::HASH | if found.is_word { Self::WORD } else { 0 } | found.id as u64)
    }

    #[inline]
    pub(super) const fn is_of(self, hash: u64) -> bool {
        (self.0 ^ hash) & Self::HASH == 0
    }

    #[inline]
    pub(super) const fn found(self) -> Found {
        Found { id: (self.0 & (Self::WORD - 1)) as TermId, is_word: self.0 & Self::WORD != 0 }
    }
}

/// The most terms of a bucket.
pub(super) const BUCKET: usize = 8;

/// The tags of a bucket's terms, a byte each, then zeros. A tag is the high byte of a term's hash,
/// and odd.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tags(pub(super) u64);

impl Tags {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * Self::ONES;

    #[inline]
    pub(super) const fn of(hash: u64) -> u8 {
        (hash >> 56) as u8 | 1
    }

    /// The high bit of each byte that equals `tag`: never that of a free place, for a tag is odd.
    #[inline]
    pub(super) const fn matches(self, tag: u8) -> u64 {
        let difference = self.0 ^ (tag as u64 * Self::ONES);
        // No carry goes from one byte to the next.
        !(((difference & !Self::HIGH) + !Self::HIGH) | difference | !Self::HIGH)
    }

    /// As [`Self::matches`] in fewer steps: none where that is none, and the same first one; what
    /// follows that may be wrong.
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

/// A term of a vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Its id.
    pub id: TermId,
    /// Whether it is a word: no pair, and no [number](is_number).
    pub is_word: bool,
}
