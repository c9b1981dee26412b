//! The memory that calls may hold: one budget per process, a share per connection, an account per
//! call.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What an open call costs before a byte of its request is read: its tasks, its stream in h2,
/// tonic's buffers of 8 KiB each, and up to 16 KiB of headers (`MAX_HEADER_BYTES` in
/// `connection`). 24,000 idle StreamClassify calls took 22 KiB each.
pub(crate) const CALL_BYTES: usize = 24 << 10;
/// What a byte of a request costs until its call has ended: the message as received, the decoded
/// one, and what is made of it.
pub(crate) const REQUEST_FACTOR: usize = 3;
/// What a byte of an answer costs before it is encoded: names, lists and numbers take more room in
/// memory.
pub(crate) const ANSWER_FACTOR: usize = 3;
/// Up to this size a call is small: one article of a few pages with its answer.
const SMALL_CALL_BYTES: usize = 256 << 10;
/// Accounts grow and shrink in steps, so that most calls touch the counters of the process twice.
const STEP_BYTES: usize = 64 << 10;

/// The budget of the process, in bytes.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    share: usize,
    used: AtomicUsize,
}

/// How much of the budget a call may use.
///
/// The last part of the budget is reserved for small calls and the very last for health, so that
/// neither large messages nor idle streams starve a short Classify or a health check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rank {
    /// Streams, and calls beyond [`SMALL_CALL_BYTES`]: three quarters.
    Large,
    /// Unary calls: fifteen sixteenths, as long as they are small.
    Small,
    /// Health and server info: all of it, and no share of a connection.
    Vital,
}

/// The budget has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exhausted;

impl Budget {
    /// Grants `limit` bytes to the process, and `share` of them to each connection.
    pub(crate) fn new(limit: usize, share: usize) -> Arc<Self> {
        Arc::new(Self { limit, share, used: AtomicUsize::new(0) })
    }

    #[cfg(test)]
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether the budget for streams and large calls is nearly exhausted.
    pub(crate) fn is_crowded(&self) -> bool {
        self.used.load(Ordering::Relaxed) > self.limit / 8 * 5
    }

    fn ceiling(&self, rank: Rank) -> usize {
        match rank {
            Rank::Large => self.limit / 4 * 3,
            Rank::Small => self.limit / 16 * 15,
            Rank::Vital => self.limit,
        }
    }
}

fn take(used: &AtomicUsize, bytes: usize, ceiling: usize) -> Result<(), Exhausted> {
    let before = used.fetch_add(bytes, Ordering::Relaxed);
    if before.saturating_add(bytes) > ceiling {
        used.fetch_sub(bytes, Ordering::Relaxed);
        return Err(Exhausted);
    }
    Ok(())
}

/// The share of one connection.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<Budget>,
    used: AtomicUsize,
}

impl Share {
    /// Opens the share of a new connection.
    pub(crate) fn new(budget: Arc<Budget>) -> Arc<Self> {
        Arc::new(Self { budget, used: AtomicUsize::new(0) })
    }

    fn take(&self, bytes: usize, rank: Rank) -> Result<(), Exhausted> {
        take(&self.budget.used, bytes, self.budget.ceiling(rank))?;
        if rank == Rank::Vital {
            return Ok(());
        }
        take(&self.used, bytes, self.budget.share).inspect_err(|_| {
            self.budget.used.fetch_sub(bytes, Ordering::Relaxed);
        })
    }

    fn release(&self, bytes: usize, rank: Rank) {
        if rank != Rank::Vital {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
        }
        self.budget.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The account of one call; all of it is released when dropped.
#[derive(Debug)]
pub(crate) struct Account {
    share: Arc<Share>,
    rank: Rank,
    sums: Mutex<Sums>,
}

#[derive(Debug)]
struct Sums {
    /// Bytes that the call holds.
    used: usize,
    /// Bytes it was granted: at least what it holds, and at least [`CALL_BYTES`].
    granted: usize,
}

impl Account {
    /// Opens the account of a call.
    ///
    /// # Errors
    /// [`Exhausted`] where the budget or the share has no room.
    pub(crate) fn open(share: Arc<Share>, rank: Rank) -> Result<Self, Exhausted> {
        share.take(CALL_BYTES, rank)?;
        Ok(Self { share, rank, sums: Mutex::new(Sums { used: 0, granted: CALL_BYTES }) })
    }

    /// Takes `bytes` more, or nothing.
    ///
    /// # Errors
    /// [`Exhausted`] where the budget or the share has no room.
    pub(crate) fn take(&self, bytes: usize) -> Result<(), Exhausted> {
        let mut sums = self.sums();
        let used = sums.used.saturating_add(bytes);
        if used > sums.granted {
            let more =
                (used - sums.granted).checked_next_multiple_of(STEP_BYTES).ok_or(Exhausted)?;
            let is_large = self.rank == Rank::Small && sums.granted + more > SMALL_CALL_BYTES;
            self.share.take(more, if is_large { Rank::Large } else { self.rank })?;
            sums.granted += more;
        }
        sums.used = used;
        Ok(())
    }

    /// Releases what was taken.
    pub(crate) fn release(&self, bytes: usize) {
        let mut sums = self.sums();
        sums.used = sums.used.saturating_sub(bytes);
        // Keeps one step in hand, or a stream of small messages would take and give with each.
        let target = (sums.used.next_multiple_of(STEP_BYTES) + STEP_BYTES).max(CALL_BYTES);
        if sums.granted > target {
            self.share.release(sums.granted - target, self.rank);
            sums.granted = target;
        }
    }

    fn sums(&self) -> MutexGuard<'_, Sums> {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let granted = self.sums().granted;
        self.share.release(granted, self.rank);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn all_that_was_taken_is_released() {
        let budget = Budget::new(16 * MIB, 8 * MIB);
        let account = Account::open(Share::new(Arc::clone(&budget)), Rank::Small).expect("room");
        account.take(3 * MIB).expect("room");
        assert!(budget.used() >= 3 * MIB);
        account.release(3 * MIB);
        assert!(budget.used() < MIB / 4, "{}", budget.used());
        account.take(2 * MIB).expect("room");
        drop(account);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn a_connection_gets_its_share_and_no_more() {
        let budget = Budget::new(16 * MIB, 4 * MIB);
        let (greedy, other) = (Share::new(Arc::clone(&budget)), Share::new(Arc::clone(&budget)));
        let first = Account::open(Arc::clone(&greedy), Rank::Small).expect("room");
        first.take(3 * MIB).expect("room");
        let second = Account::open(greedy, Rank::Small).expect("room");
        assert_eq!(second.take(2 * MIB), Err(Exhausted));
        assert_eq!(Account::open(other, Rank::Small).expect("room").take(2 * MIB), Ok(()));
        drop((first, second));
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn small_calls_have_room_that_large_ones_cannot_take_and_health_has_more() {
        let budget = Budget::new(16 * MIB, 16 * MIB);
        let share = Share::new(Arc::clone(&budget));
        let fill = |rank| {
            let mut open = Vec::new();
            while let Ok(account) = Account::open(Arc::clone(&share), rank) {
                open.push(account);
            }
            open
        };
        let large = fill(Rank::Large);
        assert_eq!(budget.used(), 12 * MIB);
        let small = fill(Rank::Small);
        assert_eq!(budget.used(), 15 * MIB);
        assert_eq!(small[0].take(MIB), Err(Exhausted));
        assert!(Account::open(share, Rank::Vital).is_ok());
        drop(large);
        assert_eq!(small[0].take(MIB), Ok(()));
    }
}
