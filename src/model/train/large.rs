//! Memory in large pages.

use std::alloc::{Layout, handle_alloc_error};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use memmap2::MmapMut;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// The size of a large page, in bytes. Memory of so many whole bytes begins where one does.
const PAGE: usize = 2 << 20;

/// What lies in memory as its bytes, and for which any bytes will do.
pub(super) trait Number: Copy + FromBytes + IntoBytes + Immutable {}

impl<T: Copy + FromBytes + IntoBytes + Immutable> Number for T {}

/// A fixed number of numbers, or some more; zeros at first.
///
/// Their memory is only taken up as it is written to, in large pages where the system has those: to
/// be given small pages one by one takes longer than to fill them.
#[derive(Debug)]
pub(super) struct Large<T> {
    map: MmapMut,
    kind: PhantomData<T>,
}

impl<T: Number> Large<T> {
    /// Where there is no memory for so many, the process ends, as it does when the heap is
    /// exhausted.
    pub(super) fn zeros(count: usize) -> Self {
        const { assert!(PAGE.is_multiple_of(size_of::<T>())) };
        let Ok(map) = MmapMut::map_anon((count * size_of::<T>()).next_multiple_of(PAGE)) else {
            handle_alloc_error(Layout::array::<T>(count).unwrap_or(Layout::new::<T>()))
        };
        // A system without large pages has small ones.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        Self { map, kind: PhantomData }
    }
}

impl<T: Number> Deref for Large<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        // Pages begin where any number may, and the length is that of whole numbers.
        <[T]>::ref_from_bytes(&self.map).unwrap_or_default()
    }
}

impl<T: Number> DerefMut for Large<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        <[T]>::mut_from_bytes(&mut self.map).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_zeros_until_they_are_set() {
        for count in [1, 1_000, 1_000_001] {
            let mut numbers: Large<[u32; 2]> = Large::zeros(count);
            assert!(numbers.len() >= count);
            assert!(numbers.iter().all(|number| *number == [0; 2]));
            numbers[count - 1] = [1, 2];
            assert_eq!(numbers.iter().flatten().sum::<u32>(), 3);
            assert_eq!(numbers[count - 1], [1, 2]);
        }
    }
}
