//! Structs that grow: they begin with their size, and later versions append fields.

use crate::rsapi::{Code, Error, Result};

use super::caller::{Caller, bad_place, check_array};

/// Larger sizes are garbage.
const SIZE_MAX: usize = 4096;

/// A struct of the header that begins with `uint32_t struct_size`.
///
/// # Safety
///
/// `repr(C)`, the first field is a `u32`, and every pattern of bits is a value.
pub(super) unsafe trait Versioned: Copy {
    /// Its size in the first version: no caller's is smaller.
    const SIZE_FIRST: usize;
    const NAME: &'static str;
}

/// Options of the header. Fields that later versions append default to zero, so that what an older
/// library does not know may be zero.
pub(super) trait Defaults: Versioned {
    /// What a caller means who passes NULL: as the `_INIT` macro says.
    const DEFAULTS: Self;
}

impl Caller {
    /// Options of the caller's, or the defaults.
    pub(super) fn options<T: Defaults>(&self, options: *const T) -> Result<T> {
        if options.is_null() {
            return Ok(T::DEFAULTS);
        }
        let size = self.size_of(options)?;
        let known = size.min(size_of::<T>());
        let tail = self.array(options.cast::<u8>(), size)?;
        if tail[known..].iter().any(|byte| *byte != 0) {
            return Err(Error::new(
                Code::Version,
                format!(
                    "{} sets options that this library does not know: it knows {} bytes of {size}",
                    T::NAME,
                    size_of::<T>()
                ),
            ));
        }
        let mut read = T::DEFAULTS;
        let target = (&raw mut read).cast::<u8>();
        // SAFETY: `known` bytes lie in both, they do not overlap, and every pattern is a value.
        unsafe { target.copy_from_nonoverlapping(options.cast(), known) };
        Ok(read)
    }

    /// A place for a result that begins with the size which the caller knows.
    #[inline(always)]
    pub(super) fn out_versioned<'c, T: Versioned>(
        &'c self,
        place: *mut T,
    ) -> Result<Option<OutVersioned<'c, T>>> {
        if place.is_null() {
            return Ok(None);
        }
        let size = self.size_of(place)?;
        Ok(Some(OutVersioned { place, size, _caller: self }))
    }

    /// Whether the struct behind an aligned pointer is as large as this library knows it.
    #[inline(always)]
    pub(super) fn is_this_version<T: Versioned>(&self, place: *const T) -> bool {
        self.claimed_size_of(place) == size_of::<T>()
    }

    /// Writes to a struct of which [`is_this_version`](Self::is_this_version) was asked.
    #[inline(always)]
    pub(super) fn tell<T: Versioned>(&self, place: *mut T, value: &T) {
        OutVersioned { place, size: size_of::<T>(), _caller: self }.write(value);
    }

    #[inline(always)]
    fn size_of<T: Versioned>(&self, of: *const T) -> Result<usize> {
        if !of.is_aligned() {
            return Err(bad_place(T::NAME));
        }
        let size = self.claimed_size_of(of);
        if size < T::SIZE_FIRST || size > SIZE_MAX {
            return Err(bad_size(T::NAME, size, T::SIZE_FIRST));
        }
        Ok(size)
    }

    /// What a struct says that its size is.
    #[inline(always)]
    fn claimed_size_of<T: Versioned>(&self, of: *const T) -> usize {
        // SAFETY: not NULL and aligned; the caller says that it is this struct, which begins so.
        unsafe { of.cast::<u32>().read() as usize }
    }

    /// An array whose elements are as large as the caller knows them.
    pub(super) fn out_array<'c, T: Copy>(
        &'c self,
        first: *mut T,
        stride: usize,
        count: usize,
        stride_first: usize,
    ) -> Result<OutArray<'c, T>> {
        if stride < stride_first || stride > SIZE_MAX || !stride.is_multiple_of(align_of::<T>()) {
            return Err(bad_size("an element", stride, stride_first));
        }
        if count > 0 {
            check_array(first, count, stride)?;
        }
        Ok(OutArray {
            first: first.cast(),
            stride,
            count,
            _caller: self,
            _type: core::marker::PhantomData,
        })
    }
}

#[cold]
fn bad_size(name: &str, size: usize, first: usize) -> Error {
    Error::new(
        Code::Version,
        format!(
            "the size of {name} is given as {size} bytes: use sizeof, or its _INIT macro ({first} \
             bytes at least)"
        ),
    )
}

/// A place of the caller's for a versioned result.
#[derive(Debug)]
pub(super) struct OutVersioned<'c, T> {
    place: *mut T,
    size: usize,
    _caller: &'c Caller,
}

impl<T: Versioned> OutVersioned<'_, T> {
    /// Writes what the caller knows of `value`, but not the caller's size.
    #[inline(always)]
    pub(super) fn write(&self, value: &T) {
        // The first version is the only one so far, so this is all that the compiler keeps.
        if T::SIZE_FIRST == size_of::<T>() || self.size >= size_of::<T>() {
            self.write_start(value, size_of::<T>());
        } else {
            self.write_start(value, self.size);
        }
    }

    #[inline(always)]
    fn write_start(&self, value: &T, size: usize) {
        let from = (&raw const *value).cast::<u8>();
        // SAFETY: a `Versioned` is larger than the size that it begins with.
        let from = unsafe { from.add(size_of::<u32>()) };
        // SAFETY: as above, at the caller's.
        let to = unsafe { self.place.cast::<u8>().add(size_of::<u32>()) };
        // SAFETY: `size` bytes lie in both, and memory that C may write holds no Rust value.
        unsafe { to.copy_from_nonoverlapping(from, size - size_of::<u32>()) };
    }
}

/// An array of the caller's, to be filled.
#[derive(Debug)]
pub(super) struct OutArray<'c, T> {
    first: *mut u8,
    stride: usize,
    count: usize,
    _caller: &'c Caller,
    _type: core::marker::PhantomData<T>,
}

impl<T: Copy> OutArray<'_, T> {
    /// Writes what the caller knows of element `index`; the rest of it becomes zero.
    #[inline(always)]
    pub(super) fn write(&self, index: usize, value: &T) {
        assert!(index < self.count, "element {index} of {}", self.count);
        // SAFETY: the whole array is no longer than an object can be, and the element lies in it.
        let element = unsafe { self.first.add(index * self.stride) };
        // Field by field, from registers.
        if self.stride == size_of::<T>() {
            // SAFETY: the element is as large as `T`, and aligned as `T` is: address and stride were
            // checked.
            unsafe { element.cast::<T>().write(*value) };
            return;
        }
        let known = self.stride.min(size_of::<T>());
        // SAFETY: `known` bytes lie in both; they do not overlap.
        unsafe { element.copy_from_nonoverlapping((&raw const *value).cast(), known) };
        // SAFETY: `known` is at most the stride.
        let rest = unsafe { element.add(known) };
        // SAFETY: the rest of the element.
        unsafe { rest.write_bytes(0, self.stride - known) };
    }
}

impl<T> OutArray<'_, T> {
    /// Replaces the field of type `F` that each element begins with.
    pub(super) fn replace_first<F: Copy>(&self, index: usize, value: F) -> F {
        assert!(index < self.count, "element {index} of {}", self.count);
        assert!(size_of::<F>() <= self.stride, "an element begins with the field");
        // SAFETY: the whole array is no longer than an object can be, and the element lies in it.
        let field = unsafe { self.first.add(index * self.stride) }.cast::<F>();
        // SAFETY: the caller has filled the element, or had it filled; stride and address are
        // aligned as the element is, which begins with this field.
        unsafe { field.replace(value) }
    }
}
