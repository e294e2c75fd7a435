//! Arrays of the kernel in this process's memory.

use std::{
    io,
    marker::PhantomData,
    mem::size_of,
    os::fd::{AsRawFd as _, BorrowedFd},
    ptr::NonNull,
    sync::atomic::{AtomicU64, Ordering},
};

use filter_common::{
    abi::Control,
    limit::Limit,
    policy::PolicySet,
    rule::{RuleBits, RuleRecord, RuleSetHeader},
    sample::Sampling,
    settings::InterfaceSettings,
    table::{Clause, Deep, PlaceRecord},
};

/// A record that may lie in a mapped array.
///
/// # Safety
///
/// Implementors have no padding, are valid for every bit pattern, and have a size that divides 8, which is
/// the stride of a kernel array, or is a multiple of it.
pub(super) unsafe trait Record: Copy {}

// SAFETY: `repr(C)` of integers only; sizes are asserted where the types are defined.
unsafe impl Record for Deep {}
// SAFETY: as above.
unsafe impl Record for Clause {}
// SAFETY: as above.
unsafe impl Record for InterfaceSettings {}
// SAFETY: as above.
unsafe impl Record for PolicySet {}
// SAFETY: as above.
unsafe impl Record for Control {}
// SAFETY: as above.
unsafe impl Record for PlaceRecord {}
// SAFETY: as above.
unsafe impl Record for RuleSetHeader {}
// SAFETY: as above.
unsafe impl Record for RuleBits {}
// SAFETY: as above.
unsafe impl Record for RuleRecord {}
// SAFETY: as above.
unsafe impl Record for Limit {}
// SAFETY: as above.
unsafe impl Record for Sampling {}
// SAFETY: an integer.
unsafe impl Record for u64 {}
// SAFETY: as above.
unsafe impl Record for u32 {}
// SAFETY: as above.
unsafe impl Record for u16 {}

/// A mapped array of `T`. The kernel reads it while it is written: who writes must know which elements
/// no program reads at the time.
#[derive(Debug)]
pub(super) struct Mapped<T> {
    start: NonNull<T>,
    elements: usize,
    marker: PhantomData<T>,
}

// SAFETY: the mapping belongs to no thread; writing takes `&mut self`.
unsafe impl<T: Send> Send for Mapped<T> {}

impl<T: Record> Mapped<T> {
    /// Maps all `elements` of an array that was created with `BPF_F_MMAPABLE`.
    pub(super) fn new(map: BorrowedFd<'_>, elements: usize) -> io::Result<Self> {
        const { assert!(size_of::<T>().is_multiple_of(8) || 8 % size_of::<T>() == 0) };
        // SAFETY: asks for a new mapping anywhere; the kernel checks length and descriptor.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                elements * size_of::<T>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                map.as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::other("mapped at null"))?;
        Ok(Self {
            start,
            elements,
            marker: PhantomData,
        })
    }

    /// Copies `values` to the elements from `first` on.
    ///
    /// # Panics
    ///
    /// If they do not all lie in the array: the caller has compared them with its capacity.
    pub(super) fn write(&mut self, first: usize, values: &[T]) {
        assert!(
            first + values.len() <= self.elements,
            "a write past the end of a kernel map"
        );
        // SAFETY: inside the mapping, as just asserted, and the two cannot overlap.
        unsafe {
            std::ptr::copy_nonoverlapping(
                values.as_ptr(),
                self.start.as_ptr().add(first),
                values.len(),
            );
        }
    }
}

impl<T: Record + Default> Mapped<T> {
    /// Copies `count` elements out, from `first` on. What is written meanwhile is read in part.
    ///
    /// # Panics
    ///
    /// If they do not all lie in the array.
    pub(super) fn read(&self, first: usize, count: usize) -> Vec<T> {
        assert!(
            first + count <= self.elements,
            "a read past the end of a kernel map"
        );
        let mut values = vec![T::default(); count];
        // SAFETY: inside the mapping, as just asserted, and the two cannot overlap; every bit pattern is
        // a value.
        unsafe {
            std::ptr::copy_nonoverlapping(
                self.start.as_ptr().add(first),
                values.as_mut_ptr(),
                count,
            );
        }
        values
    }
}

impl Mapped<Control> {
    fn word(&self, byte: usize) -> &AtomicU64 {
        debug_assert!(byte.is_multiple_of(8) && byte < size_of::<Control>());
        // SAFETY: an aligned word inside the mapping, which lives as long as `self`; all of user space
        // accesses it as an atomic only.
        unsafe { AtomicU64::from_ptr(self.start.as_ptr().cast::<u8>().add(byte).cast()) }
    }

    /// The word that names the generation.
    pub(super) fn live(&self) -> u64 {
        self.word(std::mem::offset_of!(Control, live))
            .load(Ordering::Acquire)
    }

    /// Makes a generation live. All that was written before is visible to a program that sees it.
    pub(super) fn set_live(&self, word: u64) {
        self.word(std::mem::offset_of!(Control, live))
            .store(word, Ordering::Release);
    }

    /// Whether the kill switch is on.
    pub(super) fn bypass(&self) -> bool {
        self.word(std::mem::offset_of!(Control, bypass))
            .load(Ordering::Acquire)
            != 0
    }

    /// Sets the kill switch.
    pub(super) fn set_bypass(&self, on: bool) {
        self.word(std::mem::offset_of!(Control, bypass))
            .store(u64::from(on), Ordering::Release);
    }
}

impl<T> Drop for Mapped<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping was made in `new` with this start and length, and nothing borrows it.
        unsafe {
            libc::munmap(self.start.as_ptr().cast(), self.elements * size_of::<T>());
        }
    }
}
