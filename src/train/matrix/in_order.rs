//! Makes blocks on all threads, and takes them in their order.

use std::io;

use rayon::prelude::*;

/// Makes this many blocks on all threads, and takes them one by one in their order; no more of them
/// than there are threads are in memory at a time.
pub(super) fn make_in_order<T: Send>(
    count: usize,
    make: impl Fn(usize) -> io::Result<T> + Sync,
    mut take: impl FnMut(T) -> io::Result<()>,
) -> io::Result<()> {
    let at_a_time = rayon::current_num_threads();
    for start in (0..count).step_by(at_a_time) {
        let numbers = start..count.min(start + at_a_time);
        let made: Vec<T> = numbers.into_par_iter().map(&make).collect::<io::Result<_>>()?;
        made.into_iter().try_for_each(&mut take)?;
    }
    Ok(())
}
