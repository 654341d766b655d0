//! Tables of this process that belong to a region, shared by its participants in this process.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::sys::fork;

/// One `T` for each region, for as long as somebody holds it.
#[derive(Debug)]
pub(crate) struct PerRegion<T>(Mutex<Option<HashMap<Key, Weak<T>>>>);

/// A region, and the process: what a child inherits of a table is its parent's.
type Key = (u64, u32);

impl<T: Default> PerRegion<T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// The table of the region with this identity.
    pub(crate) fn get(&self, region: u64) -> Arc<T> {
        let key = (region, fork::generation());
        let mut tables = self.0.lock();
        let tables = tables.get_or_insert_default();
        if let Some(table) = tables.get(&key).and_then(Weak::upgrade) {
            return table;
        }
        tables.retain(|_, table| table.strong_count() > 0);
        let table = Arc::<T>::default();
        tables.insert(key, Arc::downgrade(&table));
        table
    }
}
