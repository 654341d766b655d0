//! A participant that writes anything anywhere: whatever it does to the memory, the others get
//! errors or wrong messages, and neither crash nor hang.
//!
//! The memory is written through its descriptors, at words that something stands in: random values,
//! neighbouring ones, those of other words. Each round has a seed, which a failure names.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(all(target_os = "linux", not(miri)))]

use core::hash::{BuildHasher as _, Hasher as _};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;
use std::fs::File;
use std::hash::RandomState;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;

use precursor_broker::{
    Broker, Limits, Policy, PublishOptions, Publisher, Service, SubscribeOptions, Subscription,
    Wait,
};

/// Nothing that is bounded takes so long.
const LONG: Duration = Duration::from_secs(240);
/// How long an operation may wait for others.
const SHORT: Duration = Duration::from_micros(200);
const WORD: usize = 8;

fn limits() -> Limits {
    Limits::new()
        .with_memory_bytes_max(4 << 20)
        .with_participants_max(6)
        .with_routes_max(32)
        .with_calls_in_flight_max(8)
}

/// SplitMix64.
struct Choices(u64);

impl Choices {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// Who writes where nothing is its own.
struct Vandal {
    memory: [File; 2],
    choices: Choices,
    /// Places of words that something stood in, by file.
    known: [Vec<u64>; 2],
}

impl Vandal {
    fn new(broker: &Broker, seed: u64) -> Self {
        let (control, data) = broker.memory_fds().unwrap();
        let memory = [File::from(control), File::from(data)];
        Self { memory, choices: Choices(seed), known: [Vec::new(), Vec::new()] }
    }

    /// Looks where something stands. Few words do: tables are mostly empty.
    fn look(&mut self) {
        for (file, known) in self.memory.iter().zip(&mut self.known) {
            known.clear();
            let mut at = 0;
            while let Ok(start) = rustix::fs::seek(file, rustix::fs::SeekFrom::Data(at)) {
                let end = rustix::fs::seek(file, rustix::fs::SeekFrom::Hole(start)).unwrap();
                let mut bytes = vec![0; (end - start) as usize];
                file.read_exact_at(&mut bytes, start).unwrap();
                let places = (start..).step_by(WORD).zip(bytes.chunks_exact(WORD));
                known.extend(places.filter(|(_, word)| **word != [0; WORD]).map(|(at, _)| at));
                at = end;
            }
        }
    }

    fn strike(&mut self) {
        // Control words are few and matter most.
        let which = usize::from(self.choices.below(4) == 0);
        let (file, known) = (&self.memory[which], &self.known[which]);
        if known.is_empty() {
            return;
        }
        let place = |choices: &mut Choices| known[choices.below(known.len())];
        let mut at = place(&mut self.choices);
        if self.choices.below(8) == 0 {
            // Beside it: a word that is mostly zero.
            at = (at / 64 * 64) + 8 * self.choices.below(8) as u64;
        }
        let read = |at| {
            let mut bytes = [0; WORD];
            file.read_exact_at(&mut bytes, at).map(|()| u64::from_le_bytes(bytes)).unwrap_or(0)
        };
        let old = read(at);
        let new = match self.choices.below(9) {
            0 => self.choices.next(),
            1 => 0,
            2 => u64::MAX,
            3 => self.choices.below(70) as u64,
            4 => old ^ 1 << self.choices.below(64),
            5 => old.wrapping_add(1),
            6 => old.wrapping_sub(1),
            7 => old & u64::from(u32::MAX) | self.choices.next() << 32,
            _ => read(place(&mut self.choices)),
        };
        // Beyond the end: the memory cannot grow.
        let _ = file.write_all_at(&new.to_le_bytes(), at);
    }
}

/// What a participant does beside it. Whatever is refused is refused.
struct Survivor {
    broker: Broker,
    publishers: Vec<Publisher>,
    subscriptions: Vec<Subscription>,
    service: Option<Service>,
    kept: Vec<precursor_broker::Message>,
    choices: Choices,
}

const POLICIES: [Policy; 5] =
    [Policy::DropOldest, Policy::DropNewest, Policy::Block, Policy::Latest, Policy::Detach];

impl Survivor {
    fn new(broker: Broker, seed: u64) -> Self {
        let mut survivor = Self {
            broker,
            publishers: Vec::new(),
            subscriptions: Vec::new(),
            service: None,
            kept: Vec::new(),
            choices: Choices(seed),
        };
        (0..4).for_each(|_| survivor.subscribe());
        (0..2).for_each(|_| survivor.publisher());
        survivor.serve();
        survivor
    }

    fn subscribe(&mut self) {
        let mut options = SubscribeOptions::default();
        options.policy = POLICIES[self.choices.below(POLICIES.len())];
        options.depth = [1, 5, 40][self.choices.below(3)];
        options.wait = [Wait::Adaptive, Wait::Park][self.choices.below(2)];
        if options.policy != Policy::Latest && self.choices.below(3) == 0 {
            options.group = Some("crew".into());
            (options.policy, options.depth) = (Policy::Block, 16);
        }
        let pattern = ["t", "*", ">"][self.choices.below(3)];
        self.subscriptions.extend(self.broker.subscribe(pattern, &options));
    }

    fn publisher(&mut self) {
        let mut options = PublishOptions::default();
        options.send_timeout = if self.choices.below(6) == 0 { SHORT } else { Duration::ZERO };
        self.publishers.extend(self.broker.publisher("t", options));
    }

    fn serve(&mut self) {
        self.service = self.broker.serve("s", &SubscribeOptions::default()).ok();
    }

    fn act(&mut self) {
        match self.choices.below(12) {
            0 => self.subscribe(),
            1 if self.subscriptions.len() > 3 => drop(self.subscriptions.swap_remove(0)),
            2 => {
                self.serve();
            }
            3 => _ = self.broker.call("s", "m", &[7; 40], Some(SHORT), Wait::Adaptive),
            4 => _ = self.broker.counters(),
            5 => _ = self.broker.reclaim(),
            6 => _ = self.broker.trim(),
            7 => drop(self.broker.join()),
            8 => self.kept.clear(),
            _ => {}
        }
        self.publish();
        self.receive();
        self.answer();
    }

    fn publish(&mut self) {
        let len = [0, 100, 300, 5_000, 70_000][self.choices.below(5)];
        for publisher in &self.publishers {
            let _ = publisher.publish(&vec![1; len]);
            let _ = publisher.publish_many(&[&[2; 10], &[3; 20], &[4; 30]]);
            if let Ok(mut loan) = publisher.loan(len) {
                loan.fill(5);
                let _ = loan.send();
            }
        }
    }

    fn receive(&mut self) {
        for subscription in &mut self.subscriptions {
            let received = match self.choices.below(8) {
                0 => subscription.recv_timeout(SHORT),
                _ => subscription.try_recv(),
            };
            if let Ok(Some(message)) = received {
                // Every byte is read; what they are is the vandal's business.
                core::hint::black_box(message.payload().to_vec());
                self.kept.push(message);
            }
            if let Ok(batch) = subscription.try_recv_batch(8) {
                batch.iter().for_each(|message| _ = message.payload().to_vec());
            }
            let _ = (subscription.take_lost(), subscription.queued(), subscription.counters());
        }
        if self.kept.len() > 20 {
            self.kept.truncate(4);
        }
    }

    fn answer(&mut self) {
        if let Some(service) = &mut self.service
            && let Ok(Some(request)) = service.try_recv()
        {
            let _ = request.method().len();
            let _ = request.reply(&[6; 300]);
        }
    }
}

/// Two participants of one memory, mapped twice; with a name there is a thread that attends to them.
fn open_two(has_name: bool) -> [Broker; 2] {
    static NUMBERS: AtomicU32 = AtomicU32::new(0);
    if !has_name {
        let broker = Broker::shared(&limits()).unwrap();
        return [broker.attach_again().unwrap(), broker];
    }
    let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
    let name = format!("hostile-{}-{number}", std::process::id());
    let open = || Broker::open_shared(&name, &limits()).unwrap();
    let both = [open(), open()];
    both[0].start_thread().unwrap();
    both
}

/// A round: two participants at work, one that strikes. `all_the_time`: while they are in the middle
/// of something; else between two things that they do.
fn round(seed: u64, all_the_time: bool) {
    let mut choices = Choices(seed);
    let both = open_two(choices.below(2) == 0);
    let mut vandal = Vandal::new(&both[0], choices.next());
    let mut others = both.map(|broker| Survivor::new(broker, choices.next()));
    others.iter_mut().for_each(Survivor::act);
    if all_the_time {
        let is_over = Arc::new(AtomicBool::new(false));
        let watched = is_over.clone();
        let vandal = thread::spawn(move || {
            while !watched.load(Ordering::Relaxed) {
                vandal.look();
                (0..50).for_each(|_| vandal.strike());
                thread::yield_now();
            }
        });
        let threads =
            others.map(|mut survivor| thread::spawn(move || (0..40).for_each(|_| survivor.act())));
        let ends: Vec<_> = threads.into_iter().map(thread::JoinHandle::join).collect();
        is_over.store(true, Ordering::Relaxed);
        vandal.join().unwrap();
        ends.into_iter().for_each(|end| end.unwrap());
    } else {
        for _ in 0..10 {
            vandal.look();
            (0..=choices.below(3)).for_each(|_| vandal.strike());
            others.iter_mut().for_each(Survivor::act);
        }
    }
}

/// Runs rounds, each within a bound.
#[allow(clippy::print_stdout, reason = "whoever sees a failure needs the seed")]
fn rounds(count: usize, all_the_time: bool) {
    let asked = std::env::var("NEO_HOSTILE_SEED").ok().map(|seed| seed.parse().unwrap());
    let count = std::env::var("NEO_HOSTILE_ROUNDS").map_or(count, |count| count.parse().unwrap());
    for _ in 0..count {
        let seed = asked.unwrap_or_else(|| RandomState::new().build_hasher().finish());
        let (ended, end) = channel();
        let thread = thread::spawn(move || {
            round(seed, all_the_time);
            let _ = ended.send(());
        });
        match end.recv_timeout(LONG) {
            Ok(()) => {}
            Err(RecvTimeoutError::Timeout) => panic!("NEO_HOSTILE_SEED={seed}: it hangs"),
            Err(RecvTimeoutError::Disconnected) => println!("NEO_HOSTILE_SEED={seed}"),
        }
        thread.join().unwrap();
        if asked.is_some() {
            break;
        }
    }
}

#[test]
fn words_that_change_between_two_steps_hurt_nobody_else() {
    rounds(60, false);
}

#[test]
fn words_that_change_all_the_time_hurt_nobody_else() {
    rounds(8, true);
}
