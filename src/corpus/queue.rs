//! Hands out the blocks of a corpus. A worker that finds few blocks ready reads the next ones
//! itself, so that reading needs no thread of its own.

use std::collections::{BTreeSet, VecDeque};
use std::iter::Enumerate;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use sha2::{Digest as _, Sha256};

use super::block::{Block, Blocks};
use super::survey::Survey;
use super::{CorpusError, End, Input, Options, Progress};

/// Blocks that a worker reads in one go, which keeps the decompressor's window in the cache.
const BLOCKS_AT_A_TIME: usize = 4;

/// The blocks of some inputs, numbered in order.
pub(super) struct BlockQueue<'a> {
    /// Only one worker reads at a time.
    reader: Mutex<Reader<'a>>,
    ready: Mutex<Ready>,
    /// Wakes the workers that wait for `ready`.
    changed: Condvar,
    /// More blocks are read when fewer than this are ready.
    least_ready: usize,
}

#[derive(Default)]
struct Ready {
    blocks: VecDeque<(u64, Block)>,
    /// Memory of finished blocks, for reuse.
    buffers: Vec<Vec<u8>>,
    is_being_read: bool,
    has_ended: bool,
}

impl<'a> BlockQueue<'a> {
    pub(super) fn new(inputs: &'a [Input], options: &'a Options, progress: &'a Progress) -> Self {
        let reader = Reader {
            inputs: inputs.iter().enumerate(),
            options,
            progress,
            current: None,
            number: options.after.map_or(0, |end| end.ordinal >> 32),
            fingerprint: options.after.map(|end| end.fingerprint),
            warned: BTreeSet::new(),
            failed: None,
        };
        let (reader, ready) = (Mutex::new(reader), Mutex::default());
        Self { reader, ready, changed: Condvar::new(), least_ready: options.workers() }
    }

    /// The next block; None at the end, after an error, and after [`Self::stop`].
    pub(super) fn take(&self) -> Option<(u64, Block)> {
        let mut ready = lock(&self.ready);
        loop {
            if !ready.has_ended && !ready.is_being_read && ready.blocks.len() < self.least_ready {
                ready.is_being_read = true;
                drop(ready);
                self.read();
                ready = lock(&self.ready);
            } else if let Some(next) = ready.blocks.pop_front() {
                return Some(next);
            } else if ready.has_ended {
                return None;
            } else {
                ready = self.changed.wait(ready).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// Takes back the memory of a finished block.
    pub(super) fn put_back(&self, block: Block) {
        lock(&self.ready).buffers.extend(block.into_buffer());
    }

    /// Hands out no more blocks.
    pub(super) fn stop(&self) {
        let mut ready = lock(&self.ready);
        ready.has_ended = true;
        ready.blocks.clear();
        self.changed.notify_all();
    }

    /// Where the inputs end, once all blocks are handed out.
    ///
    /// # Errors
    /// If an input could not be read.
    pub(super) fn finish(self) -> Result<End, CorpusError> {
        self.reader.into_inner().unwrap_or_else(PoisonError::into_inner).finish()
    }

    fn read(&self) {
        let _lease = ReadLease(self);
        let mut reader = lock(&self.reader);
        for _ in 0..BLOCKS_AT_A_TIME {
            let buffer = lock(&self.ready).buffers.pop().unwrap_or_default();
            let next = reader.next(buffer).unwrap_or_else(|error| {
                reader.failed = Some(error);
                None
            });
            let mut ready = lock(&self.ready);
            ready.has_ended |= next.is_none();
            if ready.has_ended {
                break;
            }
            ready.blocks.extend(next);
            self.changed.notify_one();
        }
    }
}

/// The right to read, held by one worker at a time. If reading panics, the queue ends.
struct ReadLease<'a, 'b>(&'a BlockQueue<'b>);

impl Drop for ReadLease<'_, '_> {
    fn drop(&mut self) {
        let mut ready = lock(&self.0.ready);
        ready.is_being_read = false;
        ready.has_ended |= thread::panicking();
        drop(ready);
        self.0.changed.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads the inputs one after the other.
struct Reader<'a> {
    inputs: Enumerate<std::slice::Iter<'a, Input>>,
    options: &'a Options,
    progress: &'a Progress,
    /// The current input, and the hash of what was read of it.
    current: Option<(Blocks, Sha256)>,
    /// The number of the next block.
    number: u64,
    /// The fingerprint of all inputs before the current one.
    fingerprint: Option<[u8; 32]>,
    /// Warnings given, which would repeat for similar files.
    warned: BTreeSet<String>,
    failed: Option<CorpusError>,
}

impl Reader<'_> {
    /// The next block; None at the end of all inputs. `buffer` is memory for it.
    fn next(&mut self, mut buffer: Vec<u8>) -> Result<Option<(u64, Block)>, CorpusError> {
        loop {
            let (blocks, sha256) = match &mut self.current {
                Some(current) => current,
                None => {
                    let Some(input) = self.inputs.next() else { return Ok(None) };
                    let blocks = Blocks::open(input, self.options, self.progress)?;
                    self.current.insert((blocks, Sha256::new()))
                }
            };
            let (options, warned) = (self.options, &mut self.warned);
            let look = |input: &str, survey: &Survey| {
                for warning in survey
                    .warnings(&options.names)
                    .into_iter()
                    .chain(survey.missing(&options.names))
                {
                    if let Some(warn) = options.warn
                        && warned.insert(warning.clone())
                    {
                        warn(&format!("{input}: {warning}"));
                    }
                }
            };
            if let Some(block) = blocks.next(sha256, std::mem::take(&mut buffer), look)? {
                let number = self.number;
                self.number += 1;
                return Ok(Some((number, block)));
            }
            if let Some((_, sha256)) = self.current.take() {
                self.fingerprint =
                    Some(End::followed_by(self.fingerprint, sha256.finalize().into()));
            }
        }
    }

    fn finish(self) -> Result<End, CorpusError> {
        match self.failed {
            Some(error) => Err(error),
            None => {
                let fingerprint =
                    self.fingerprint.unwrap_or_else(|| Sha256::new().finalize().into());
                Ok(End { ordinal: self.number << 32, fingerprint })
            }
        }
    }
}
