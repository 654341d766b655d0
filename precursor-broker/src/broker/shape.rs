//! A topic made ready: its headers encoded, its hash computed. Handles own one; for names used
//! without a handle each thread keeps a few.

use core::cell::RefCell;
use std::rc::Rc;

use qiss_format::{FrameBuilder, Template, topic_id};

use crate::error::Result;
use crate::region::hint::AllocHint;
use crate::sync::{AtomicU64, Ordering};

use super::headers::MessageHeaders;
use super::topic::validate_topic;

/// Names that a thread keeps ready. Two that fall on one place replace each other, so that a
/// million distinct names take no more memory than these.
const KEPT: usize = 256;

/// What publishing to a topic needs, the route apart. Keeps no kernel alive.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) topic: Box<str>,
    pub(crate) topic_id: u64,
    /// Names the shape in this thread's cache of routes.
    pub(crate) number: u64,
    /// Without and with the topic's text: only subscriptions with wildcards need it.
    pub(crate) plain: Template,
    pub(crate) named: Template,
    pub(crate) blocks: AllocHint,
}

impl Shape {
    pub(crate) fn new(topic: &str) -> Result<Self> {
        Self::with_headers(topic, &MessageHeaders::new())
    }

    /// For messages that carry headers.
    pub(crate) fn with_headers(topic: &str, headers: &MessageHeaders) -> Result<Self> {
        static NUMBERS: AtomicU64 = AtomicU64::new(1);
        validate_topic(topic)?;
        let id = topic_id(topic);
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let (mut plain, mut named) = (FrameBuilder::new(), FrameBuilder::new());
        headers.add_to(plain.topic_id(id));
        headers.add_to(named.topic(topic).align64(true));
        Ok(Self {
            topic: topic.into(),
            topic_id: id,
            number,
            plain: Template::new(&plain)?,
            named: Template::new(&named)?,
            blocks: AllocHint::new(number as u32),
        })
    }
}

thread_local! {
    static SHAPES: RefCell<Vec<Option<Rc<Shape>>>> = const { RefCell::new(Vec::new()) };
}

/// This thread's shape of `topic`.
#[inline]
pub(crate) fn of(topic: &str) -> Result<Rc<Shape>> {
    let place = topic_id(topic) as usize % KEPT;
    let known = SHAPES.try_with(|shapes| {
        let shapes = shapes.borrow();
        match shapes.get(place) {
            Some(Some(shape)) if *shape.topic == *topic => Some(shape.clone()),
            _ => None,
        }
    });
    match known {
        Ok(Some(shape)) => Ok(shape),
        _ => make_and_keep(place, topic),
    }
}

#[cold]
fn make_and_keep(place: usize, topic: &str) -> Result<Rc<Shape>> {
    let shape = Rc::new(Shape::new(topic)?);
    // At thread exit the cache may be gone; the shape then serves this publish only.
    let _ = SHAPES.try_with(|shapes| {
        let mut shapes = shapes.borrow_mut();
        if shapes.is_empty() {
            shapes.resize_with(KEPT, || None);
        }
        shapes[place] = Some(shape.clone());
    });
    Ok(shape)
}
