//! Handles of a thread, by the numbers that JavaScript has for them.
//!
//! A thread of Node runs one environment, and nobody else has its numbers. What an environment
//! leaves behind goes with its thread.

use core::cell::RefCell;
use std::thread::LocalKey;

use neo::rsapi::{Code, Error};

use crate::error::{Result, thrown};

/// The number of a handle; numbers of handles that were given up are used again.
pub(crate) type Key = u32;

/// Every handle of a kind.
#[derive(Debug)]
pub(crate) struct Table<T> {
    slots: Vec<Option<T>>,
    free: Vec<Key>,
}

impl<T> Table<T> {
    /// An empty one.
    pub(crate) const fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }

    fn put(&mut self, value: T) -> Key {
        if let Some(key) = self.free.pop() {
            self.slots[key as usize] = Some(value);
            return key;
        }
        self.slots.push(Some(value));
        (self.slots.len() - 1) as Key
    }

    fn take(&mut self, key: Key) -> Option<T> {
        let value = self.slots.get_mut(key as usize)?.take()?;
        self.free.push(key);
        Some(value)
    }
}

/// What JavaScript has numbers for.
pub(crate) trait Kept: Sized + 'static {
    /// What it is called in errors.
    const WHAT: &'static str;

    /// The table of this thread.
    fn table() -> &'static LocalKey<RefCell<Table<Self>>>;
}

/// Gives a type its table.
macro_rules! kept {
    ($type:ty, $what:literal) => {
        impl $crate::table::Kept for $type {
            const WHAT: &'static str = $what;

            fn table()
            -> &'static std::thread::LocalKey<core::cell::RefCell<$crate::table::Table<Self>>> {
                thread_local! {
                    static TABLE: core::cell::RefCell<$crate::table::Table<$type>> =
                        const { core::cell::RefCell::new($crate::table::Table::new()) };
                }
                &TABLE
            }
        }
    };
}
pub(crate) use kept;

/// Keeps a handle; its number.
pub(crate) fn keep<T: Kept>(value: T) -> Key {
    T::table().with_borrow_mut(|table| table.put(value))
}

/// Uses a handle. Nothing that is called meanwhile keeps or gives up one of its kind.
#[inline]
pub(crate) fn with<T: Kept, R>(key: Key, f: impl FnOnce(&T) -> Result<R>) -> Result<R> {
    T::table().with_borrow(|table| match table.slots.get(key as usize) {
        Some(Some(value)) => f(value),
        _ => Err(given_up::<T>()),
    })
}

/// Gives a handle up. `None`: it was given up before, or its thread is ending.
pub(crate) fn take<T: Kept>(key: Key) -> Option<T> {
    // Dropped by the caller, when the table is free again.
    T::table().try_with(|table| table.borrow_mut().take(key)).ok().flatten()
}

#[cold]
fn given_up<T: Kept>() -> napi::Error<crate::error::Symbol> {
    let text = format!("the {} is closed: open it again to go on", T::WHAT);
    thrown(&Error::new(Code::Closed, text))
}
