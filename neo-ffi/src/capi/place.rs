//! Memory for handles: what a thread gives back serves its next handle.
//!
//! A call or a receive through C makes a handle and gives it back soon after; the general allocator
//! took a fifth of the instructions that C adds to a call.

use core::cell::RefCell;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

/// Places that a thread keeps. The tests of the C ABI keep none: to valgrind and AddressSanitizer a
/// handle that was released is then freed memory.
const KEPT_PER_THREAD: usize = if cfg!(feature = "test-hooks") { 0 } else { 256 };

/// Room for a handle of nearly every type.
type Place = [u128; 8];
type Free = Box<MaybeUninit<Place>>;

thread_local! {
    static KEPT: RefCell<Vec<Free>> = const { RefCell::new(Vec::new()) };
}

const fn fits<T>() -> bool {
    size_of::<T>() <= size_of::<Place>() && align_of::<T>() <= align_of::<Place>()
}

/// Stores a value, for one [`end`] or [`take`] on any thread.
///
/// Inlined: the value goes from registers to where it stays.
#[inline(always)]
pub(super) fn put<T>(value: T) -> NonNull<T> {
    if const { !fits::<T>() } {
        return NonNull::from(Box::leak(Box::new(value)));
    }
    let place = NonNull::from(Box::leak(free_place())).cast::<T>();
    // SAFETY: large enough, aligned, and nobody else's.
    unsafe { place.write(value) };
    place
}

/// Drops a value where it lies and frees its place.
///
/// # Safety
///
/// [`put`] stored it; nobody uses it now or later.
#[inline(always)]
pub(super) unsafe fn end<T>(value: NonNull<T>) {
    if const { !fits::<T>() } {
        // SAFETY: of this type `put` makes a box, which nobody uses.
        drop(unsafe { Box::from_raw(value.as_ptr()) });
        return;
    }
    // SAFETY: `put` stored it, and nobody uses it.
    unsafe { value.drop_in_place() };
    // SAFETY: `put` had the place from a box of this type, and the value in it is gone.
    keep(unsafe { Box::from_raw(value.as_ptr().cast()) });
}

/// Takes a value out and frees its place.
///
/// # Safety
///
/// As for [`end`].
pub(super) unsafe fn take<T>(value: NonNull<T>) -> T {
    if const { !fits::<T>() } {
        // SAFETY: as in `end`.
        return *unsafe { Box::from_raw(value.as_ptr()) };
    }
    // SAFETY: `put` stored it, and nobody uses it.
    let taken = unsafe { value.read() };
    // SAFETY: as in `end`.
    keep(unsafe { Box::from_raw(value.as_ptr().cast()) });
    taken
}

#[inline(always)]
fn free_place() -> Free {
    match KEPT.try_with(|kept| kept.borrow_mut().pop()) {
        Ok(Some(place)) => place,
        _ => new_place(),
    }
}

#[cold]
fn new_place() -> Free {
    Box::new_uninit()
}

/// At thread exit the list may be gone; then the memory is freed.
#[inline(always)]
fn keep(place: Free) {
    let _ = KEPT.try_with(|kept| {
        let mut kept = kept.borrow_mut();
        if kept.len() < KEPT_PER_THREAD {
            if kept.capacity() == 0 {
                kept.reserve_exact(KEPT_PER_THREAD);
            }
            kept.push(place);
        }
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// A pointer that another thread may have.
    struct Sent<T>(NonNull<T>);
    // SAFETY: what the tests send may be dropped by any thread.
    unsafe impl<T: Send> Send for Sent<T> {}

    /// Stores a counted value of `N` words and ends it.
    fn is_dropped_once<const N: usize>() {
        let counted = Arc::new(());
        let value = put((counted.clone(), [7_usize; N]));
        assert_eq!(Arc::strong_count(&counted), 2);
        // SAFETY: it was stored and not ended.
        assert_eq!(unsafe { value.as_ref() }.1, [7; N]);
        // SAFETY: it was stored, and nobody uses it any more.
        unsafe { end(value) };
        assert_eq!(Arc::strong_count(&counted), 1);
        let value = put((counted.clone(), [8_usize; N]));
        // SAFETY: as above.
        let (taken, words) = unsafe { take(value) };
        assert_eq!((Arc::strong_count(&counted), words), (2, [8; N]));
        drop(taken);
        assert_eq!(Arc::strong_count(&counted), 1);
    }

    #[test]
    fn a_value_is_dropped_once_in_a_place_and_beyond_it() {
        is_dropped_once::<1>();
        is_dropped_once::<100>();
    }

    #[test]
    #[cfg(not(feature = "test-hooks"))]
    fn what_was_given_back_serves_the_next_value_of_any_type() {
        let first = put([1_u64; 3]);
        // SAFETY: it was stored, and nobody uses it any more.
        unsafe { end(first) };
        let second = put(String::from("second"));
        assert_eq!(first.addr(), second.addr());
        let third = put(3_u8);
        assert_ne!(third.addr(), second.addr());
        // SAFETY: as above.
        assert_eq!(unsafe { take(second) }, "second");
        // SAFETY: as above.
        unsafe { end(third) };
    }

    #[test]
    fn a_thread_keeps_no_more_than_its_share() {
        let values: Vec<_> = (0..KEPT_PER_THREAD + 10).map(put).collect();
        for value in values {
            // SAFETY: it was stored, and nobody uses it any more.
            unsafe { end(value) };
        }
        assert_eq!(KEPT.with_borrow(Vec::len), KEPT_PER_THREAD);
    }

    #[test]
    fn a_value_may_end_on_another_thread_than_it_began() {
        let begun = std::thread::spawn(|| Sent(put(vec![1, 2, 3]))).join().unwrap();
        // SAFETY: it was stored, and nobody uses it any more.
        assert_eq!(unsafe { take(begun.0) }, [1, 2, 3]);
        let here = Sent(put(vec![4]));
        std::thread::spawn(move || {
            let here = here;
            // SAFETY: as above.
            unsafe { end(here.0) };
        })
        .join()
        .unwrap();
    }
}
