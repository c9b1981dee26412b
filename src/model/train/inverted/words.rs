//! The words of a corpus that occur in enough documents, in the order of their texts.

use super::NONE;
use crate::model::train::intern::{Interner, Texts};
use crate::model::train::postings::{PARTITIONS, partition};

/// The words that stay.
pub(super) struct Words {
    /// By rank: the texts are in order.
    pub(super) texts: Texts,
    /// Partition by partition: ranks with document frequencies.
    pub(super) of_partition: Vec<Vec<(u32, u32)>>,
    /// Worker by worker, by local id: the rank, or [`NONE`] where the word was pruned.
    pub(super) ranks: Vec<Vec<u32>>,
    /// The same: the word's place in its partition, or [`NONE`].
    pub(super) places: Vec<Vec<u32>>,
}

impl Words {
    /// Brings the workers' words together, and keeps those in at least so many documents.
    pub(super) fn merge(workers: &[Interner], min_document_frequency: u32) -> Self {
        struct Kept {
            /// The first bytes of the text, as a number in their order.
            prefix: u64,
            worker: usize,
            id: u32,
            document_frequency: u32,
        }
        let mut kept = Vec::new();
        for (worker, interner) in workers.iter().enumerate() {
            let (before, after) = (&workers[..worker], &workers[worker + 1..]);
            for id in 0..interner.word_count() as u32 {
                let hash = interner.hash(id);
                if before.iter().any(|other| other.table.get(hash).is_some()) {
                    continue;
                }
                let elsewhere = after
                    .iter()
                    .filter_map(|other| Some(other.document_frequency(other.table.get(hash)?)));
                let document_frequency = interner.document_frequency(id) + elsewhere.sum::<u32>();
                if document_frequency >= min_document_frequency {
                    let mut prefix = [0; 8];
                    let text = interner.text(id).as_bytes();
                    prefix[..text.len().min(8)].copy_from_slice(&text[..text.len().min(8)]);
                    kept.push(Kept {
                        prefix: u64::from_be_bytes(prefix),
                        worker,
                        id,
                        document_frequency,
                    });
                }
            }
        }
        let text = |kept: &Kept| workers[kept.worker].text(kept.id);
        kept.sort_unstable_by(|a, b| a.prefix.cmp(&b.prefix).then_with(|| text(a).cmp(text(b))));
        let mut ranks: Vec<Vec<u32>> =
            workers.iter().map(|worker| vec![NONE; worker.word_count()]).collect();
        let mut places = ranks.clone();
        let mut of_partition = vec![Vec::new(); PARTITIONS];
        for (rank, word) in (0..).zip(&kept) {
            let hash = workers[word.worker].hash(word.id);
            let own: &mut Vec<(u32, u32)> = &mut of_partition[partition(hash)];
            let place = own.len() as u32;
            own.push((rank, word.document_frequency));
            for (worker, other) in workers.iter().enumerate().skip(word.worker) {
                let id = if worker == word.worker { Some(word.id) } else { other.table.get(hash) };
                if let Some(id) = id {
                    ranks[worker][id as usize] = rank;
                    places[worker][id as usize] = place;
                }
            }
        }
        let mut texts = Texts::default();
        kept.iter().for_each(|word| texts.push(|all| all.push_str(text(word))));
        Self { texts, of_partition, ranks, places }
    }
}
