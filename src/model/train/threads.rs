//! Work on several threads whose outcome does not depend on their number.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Calls `each` with every number below `count`, which threads take in turns, each with a state of
/// its own.
pub(super) fn for_each_place<S: Send>(
    count: usize,
    threads: usize,
    new_state: impl Fn() -> S + Sync,
    each: impl Fn(&mut S, usize) -> io::Result<()> + Sync,
) -> io::Result<Vec<S>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut state = new_state();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            if place >= count {
                return Ok(state);
            }
            each(&mut state, place)?;
        }
    };
    thread::scope(|scope| {
        // What a thread would do that the system does not give, the others do.
        let spawn = |_| thread::Builder::new().spawn_scoped(scope, work).ok();
        let others: Vec<_> = (1..threads.clamp(1, count.max(1))).map_while(spawn).collect();
        let own = work();
        let others = others
            .into_iter()
            .map(|other| other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        std::iter::once(own).chain(others).collect()
    })
}

/// What `each` makes of the items, in their order.
pub(super) fn map<I: Sync, T: Send>(
    items: &[I],
    threads: usize,
    each: impl Fn(&I) -> T + Sync,
) -> Vec<T> {
    let parts = for_each_place(items.len(), threads, Vec::new, |made, place| {
        made.push((place, each(&items[place])));
        Ok(())
    });
    // Nothing here returns an error: there is none to lose.
    let mut made: Vec<(usize, T)> = parts.into_iter().flatten().flatten().collect();
    made.sort_unstable_by_key(|(place, _)| *place);
    made.into_iter().map(|(_, made)| made).collect()
}

/// As [`map`], of items that are handed over: memory to write to, as a rule.
pub(super) fn map_owned<I: Send, T: Send>(
    items: impl Iterator<Item = I>,
    threads: usize,
    each: impl Fn(I) -> T + Sync,
) -> Vec<T> {
    let items: Vec<_> = items.map(|item| Mutex::new(Some(item))).collect();
    let take = |item: &Mutex<Option<I>>| item.lock().unwrap_or_else(PoisonError::into_inner).take();
    // Each is there, for each is taken once.
    map(&items, threads, |item| take(item).map(&each)).into_iter().flatten().collect()
}

/// What both make: at the same time, where there are threads for it.
pub(super) fn join<A: Send, B>(
    threads: usize,
    first: impl FnOnce() -> A + Send,
    second: impl FnOnce() -> B,
) -> (A, B) {
    if threads < 2 {
        return (first(), second());
    }
    thread::scope(|scope| {
        let first = scope.spawn(first);
        let second = second();
        (first.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), second)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_comes_in_order_and_whole() {
        let items: Vec<u32> = (0..1_000).collect();
        for threads in [1, 2, 7] {
            assert_eq!(
                map(&items, threads, |item| item * 2),
                items.iter().map(|item| item * 2).collect::<Vec<_>>()
            );
            let mut doubles = vec![0; items.len()];
            let outcomes =
                map_owned(doubles.chunks_mut(30).zip(items.chunks(30)), threads, |(out, items)| {
                    out.iter_mut().zip(items).for_each(|(out, item)| *out = item * 2);
                    items[0]
                });
            assert_eq!(doubles, map(&items, threads, |item| item * 2));
            assert_eq!(outcomes, (0..1_000).step_by(30).collect::<Vec<_>>());
            assert_eq!(join(threads, || items.len(), || items[0]), (1_000, 0));
        }
        assert!(map(&[] as &[u32], 2, |item| *item).is_empty());
    }

    #[test]
    fn an_error_ends_the_work() {
        let outcome = for_each_place(
            100,
            2,
            || 0,
            |_, place| if place == 50 { Err(io::ErrorKind::Other.into()) } else { Ok(()) },
        );
        assert!(outcome.is_err());
    }
}
