//! The topics of a corpus, and which of them each document has.

use super::intern::Interner;
use crate::article::TopicName;

/// On an entry of [`DocumentTopics`]: not the one topic of a document, but where the list of its
/// topics is.
const LIST: u32 = 1 << 31;

/// A topic of the corpus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Topic {
    pub(super) name: TopicName,
    pub(super) document_count: u64,
}

/// By document, its topics. Nearly all documents have one.
#[derive(Debug, Default)]
pub(super) struct DocumentTopics {
    entries: Vec<u32>,
    /// The entries that are small, once more: what all postings are looked up in should lie in the
    /// near caches. [`Self::LARGE`] for the others.
    small: Vec<u16>,
    /// Each as its length and that many topics.
    lists: Vec<u32>,
}

impl DocumentTopics {
    /// The topics of all workers in the order of their names, and those of their documents, worker
    /// by worker.
    pub(super) fn merge(workers: &[Interner]) -> (Vec<Topic>, Self) {
        let mut topics: Vec<Topic> = Vec::new();
        for (name, count) in workers.iter().flat_map(|worker| &worker.topics) {
            // A topic whose only document was rejected stays out.
            if *count == 0 {
                continue;
            }
            match topics.binary_search_by(|topic| topic.name.cmp(name)) {
                Ok(place) => topics[place].document_count += count,
                Err(place) => {
                    topics.insert(place, Topic { name: name.clone(), document_count: *count })
                }
            }
        }
        let mut all = Self::default();
        for worker in workers {
            let place = |name: &TopicName| {
                topics.binary_search_by(|topic| topic.name.cmp(name)).unwrap_or_default() as u32
            };
            let places: Vec<u32> = worker.topics.iter().map(|(name, _)| place(name)).collect();
            for document in 0..worker.heads.len() {
                all.push(worker.topics_of(document).iter().map(|&local| places[local as usize]));
            }
        }
        (topics, all)
    }

    const LARGE: u16 = u16::MAX;

    fn push(&mut self, mut topics: impl ExactSizeIterator<Item = u32>) {
        if topics.len() == 1 {
            self.entries.extend(topics.next());
        } else {
            self.entries.push(self.lists.len() as u32 | LIST);
            self.lists.push(topics.len() as u32);
            self.lists.extend(topics);
        }
        self.small
            .extend(self.entries.last().map(|&entry| u16::try_from(entry).unwrap_or(Self::LARGE)));
    }

    /// Calls `each` with each topic.
    #[inline(always)]
    pub(super) fn for_each_of(&self, document: u32, mut each: impl FnMut(u32)) {
        match self.small[document as usize] {
            Self::LARGE => self.of(document).iter().copied().for_each(each),
            topic => each(topic.into()),
        }
    }

    /// In the order of the record.
    #[inline]
    pub(super) fn of(&self, document: u32) -> &[u32] {
        let entry = &self.entries[document as usize];
        if *entry & LIST == 0 {
            return std::slice::from_ref(entry);
        }
        let start = (*entry & !LIST) as usize;
        let length = self.lists[start] as usize;
        &self.lists[start + 1..][..length]
    }

    /// How many documents have several topics.
    pub(super) fn several_count(&self) -> usize {
        (0..self.len() as u32).filter(|&document| self.of(document).len() > 1).count()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}
