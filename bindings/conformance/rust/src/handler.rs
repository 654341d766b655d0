//! The handlers that a case can name, run by workers on threads of their own.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use neo_protocol::{Failure, Request, Service};

use crate::errors::Stop;

/// How often a worker without requests looks whether it shall end.
const LOOK: Duration = Duration::from_millis(2);

/// What a handler does with a request.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Echo,
    Upper,
    Method,
    Fail,
    Silent,
    Hold,
}

#[derive(Debug, Default)]
struct Shared {
    ends: AtomicBool,
    is_open: Mutex<bool>,
    opened: Condvar,
}

impl Shared {
    /// Lets every held request go, and those to come.
    fn open(&self) {
        *self.is_open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.opened.notify_all();
    }

    fn wait_until_open(&self) {
        let is_open = self.is_open.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.opened.wait_while(is_open, |is_open| !*is_open));
    }
}

/// Workers of one service that answer by a built-in rule.
#[derive(Debug)]
pub(crate) struct Handler {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

impl Handler {
    pub(crate) fn new(name: &str, services: Vec<Service>) -> Result<Self, Stop> {
        let kind = match name {
            "echo" => Kind::Echo,
            "upper" => Kind::Upper,
            "method" => Kind::Method,
            "fail" => Kind::Fail,
            "silent" => Kind::Silent,
            "hold" => Kind::Hold,
            _ => return Err(Stop::Broken(format!("there is no handler `{name}`"))),
        };
        let shared = Arc::new(Shared::default());
        let work = |service| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || work(service, kind, &shared))
        };
        let workers = services.into_iter().map(work).collect();
        Ok(Self { shared, workers })
    }

    pub(crate) fn unhold(&self) {
        self.shared.open();
    }
}

impl Drop for Handler {
    /// Returns when every worker has left its service.
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Release);
        self.shared.open();
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
    }
}

fn work(mut service: Service, kind: Kind, shared: &Shared) {
    while !shared.ends.load(Ordering::Acquire) {
        match service.recv(Some(LOOK)) {
            Ok(Some(request)) => answer(request, kind, shared),
            Ok(None) => {}
            Err(_) => return,
        }
    }
}

fn answer(request: Request, kind: Kind, shared: &Shared) {
    let payload = match kind {
        Kind::Upper => request.payload().to_ascii_uppercase(),
        Kind::Method => request.method().as_bytes().to_vec(),
        _ => request.payload().to_vec(),
    };
    match kind {
        Kind::Fail => return request.fail(&Failure::new("the handler says no")),
        Kind::Silent => return drop(request),
        Kind::Hold => shared.wait_until_open(),
        Kind::Echo | Kind::Upper | Kind::Method => {}
    }
    // The caller is told what went wrong with a reply.
    let _ = request.reply(&payload);
}
