//! Loans: messages written in place.

use precursor_broker::{ErrorKind, Limits, Policy, SubscribeOptions};

use crate::world::{assert_error, next, options, pattern, start};

everywhere! {
    fn what_is_written_in_a_loan_arrives(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("in.place", &options(|options| {
            options.mailbox_bytes_max = 8 << 20;
        }));
        let publisher = world.publishers.publisher("in.place", Default::default()).unwrap();
        for len in [0, 1, 64, 1_000, 65_536, 3 << 20] {
            let mut loan = publisher.loan(len).unwrap();
            assert_eq!(loan.len(), len);
            loan.copy_from_slice(&pattern(len, 5));
            assert_eq!(loan.send().unwrap().accepted, 1);
            let message = next(&mut subscription);
            assert!(message.payload() == pattern(len, 5), "{len} B");
            assert_eq!(message.topic(), "in.place");
        }
    }

    /// From 2 MiB on the slot does not tell where it lies.
    fn a_payload_of_any_length_is_found_alone_and_in_a_batch(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("*.found", &options(|options| {
            options.mailbox_bytes_max = 16 << 20;
        }));
        let topic = format!("{}.found", "t".repeat(200));
        let named = world.publishers.publisher(&topic, Default::default()).unwrap();
        let lens = [1_000, (2 << 20) - 1, 2 << 20, (2 << 20) + 9];
        for len in lens {
            let mut loan = named.loan(len + 1).unwrap();
            loan[..len].copy_from_slice(&pattern(len, len as u64));
            loan.truncate(len).unwrap();
            loan.send().unwrap();
        }
        for len in &lens[..2] {
            assert!(next(&mut subscription).payload() == pattern(*len, *len as u64), "{len} B");
        }
        let batch = subscription.recv_batch(4, None).unwrap();
        assert_eq!(batch.len(), 2);
        for (message, len) in batch.iter().zip(&lens[2..]) {
            assert!(message.payload() == pattern(*len, *len as u64), "{len} B");
            assert_eq!((message.topic(), message.frame().payload()), (&*topic, message.payload()));
        }
    }

    fn nothing_of_an_earlier_message_stands_behind_a_loans_payload(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("l", &SubscribeOptions::default());
        let publisher = world.publishers.publisher("l", Default::default()).unwrap();
        for len in [1_000, 993, 999, 1_000, 994] {
            let mut loan = publisher.loan(1_000).unwrap();
            loan.fill(0xFF);
            loan.truncate(len).unwrap();
            loan.send().unwrap();
            let mut loan = publisher.loan(len).unwrap();
            loan.fill(0xFF);
            loan.send().unwrap();
            for _ in 0..2 {
                let message = next(&mut subscription);
                let end = message.frame().payload_offset() + len;
                assert!(message.frame().bytes()[end..].iter().all(|byte| *byte == 0), "{len} B");
            }
        }
    }

    fn an_aborted_or_dropped_loan_sends_nothing_and_gives_its_memory_back(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("l", &SubscribeOptions::default());
        let publisher = world.publishers.publisher("l", Default::default()).unwrap();
        world.publishers.trim();
        let base = world.publishers.counters().memory_bytes;
        for len in [100, 100_000, 2 << 20] {
            publisher.loan(len).unwrap().abort();
            drop(publisher.loan(len).unwrap());
        }
        assert!(subscription.try_recv().unwrap().is_none());
        world.publishers.trim();
        assert_eq!(world.publishers.counters().memory_bytes, base);
    }

    fn a_truncated_loan_sends_its_beginning(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("l", &SubscribeOptions::default());
        let publisher = world.publishers.publisher("l", Default::default()).unwrap();
        for (len, kept) in [(1_000, 999), (1_000, 64), (1_000, 0), (1_000, 1_000), (70_000, 3)] {
            let mut loan = publisher.loan(len).unwrap();
            loan.copy_from_slice(&pattern(len, 9));
            loan.truncate(kept).unwrap();
            assert_eq!(loan.len(), kept);
            loan.send().unwrap();
            assert_eq!(next(&mut subscription).payload(), &pattern(len, 9)[..kept]);
        }
        let mut loan = publisher.loan(10).unwrap();
        assert_error(loan.truncate(11), ErrorKind::Invalid, &["10 bytes", "11", "loan more"]);
        loan.truncate(4).unwrap();
        assert_error(loan.truncate(5), ErrorKind::Invalid, &["4 bytes"]);
        loan.fill(1);
        loan.send().unwrap();
        assert_eq!(next(&mut subscription).payload(), [1; 4]);
    }

    fn a_loan_that_is_kept_holds_nobody_up(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("l", &options(|options| {
            options.depth = 4;
            options.policy = Policy::DropNewest;
        }));
        let publisher = world.publishers.publisher("l", Default::default()).unwrap();
        let mut kept = publisher.loan(500).unwrap();
        kept.fill(7);
        for n in 0..1_000_u64 {
            assert_eq!(world.publishers.publish("l", &n.to_le_bytes()).unwrap().accepted, 1);
            assert_eq!(next(&mut subscription).payload(), n.to_le_bytes());
        }
        assert_eq!(kept.send().unwrap().accepted, 1);
        assert_eq!(next(&mut subscription).payload(), [7; 500]);
    }

    fn several_loans_may_be_written_at_once(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("l", &SubscribeOptions::default());
        let publisher = world.publishers.publisher("l", Default::default()).unwrap();
        let mut loans: Vec<_> = (0..50).map(|_| publisher.loan(300).unwrap()).collect();
        for (n, loan) in loans.iter_mut().enumerate() {
            loan.fill(n as u8);
        }
        for loan in loans.into_iter().rev() {
            loan.send().unwrap();
        }
        for n in (0..50).rev() {
            assert_eq!(next(&mut subscription).payload(), [n; 300]);
        }
    }

    fn the_last_message_of_a_block_is_its_sole_holder(place: Place) {
        let world = place.open();
        let mut readers = [1, 2, 3]
            .map(|_| world.subscribers.subscribe("n", &SubscribeOptions::default()).unwrap());
        world.publishers.publish("n", &[7; 10_000]).unwrap();
        world.publishers.publish("n", b"small").unwrap();
        let [first, second, last] = readers.each_mut().map(|reader| reader.recv().unwrap());
        drop(first);
        assert!(!second.is_sole_holder(), "the third has it, too");
        drop(last);
        assert!(second.is_sole_holder());
        assert_eq!(second.payload(), [7; 10_000]);
        assert!(readers[0].recv().unwrap().is_sole_holder(), "a copy");
    }

    fn a_loan_without_subscribers_goes_nowhere(place: Place) {
        let world = place.open();
        let publisher = world.publishers.publisher("l", Default::default()).unwrap();
        let mut loan = publisher.loan(100_000).unwrap();
        loan.fill(1);
        assert_eq!(loan.send().unwrap().accepted, 0);
        world.publishers.trim();
        assert_eq!(world.publishers.counters().memory_bytes, 0);
    }

    fn a_subscription_that_comes_before_sending_gets_the_loan(place: Place) {
        let world = place.open();
        let publisher = world.publishers.publisher("l", Default::default()).unwrap();
        let mut loan = publisher.loan(40).unwrap();
        let mut subscription = world.subscribe("*", &SubscribeOptions::default());
        loan.fill(3);
        assert_eq!(loan.send().unwrap().accepted, 1);
        let message = next(&mut subscription);
        assert_eq!((message.topic(), message.payload()), ("l", &[3; 40][..]));
    }

    fn loans_beyond_the_memory_fail_and_come_back(place: Place) {
        let world = place.open_with(&Limits::new().with_memory_bytes_max(2 << 20));
        let publisher = world.publishers.publisher("l", Default::default()).unwrap();
        for _ in 0..3 {
            let mut loans = Vec::new();
            let error = loop {
                match publisher.loan(300_000) {
                    Ok(loan) => loans.push(loan),
                    Err(error) => break error,
                }
                assert!(loans.len() < 100);
            };
            assert!(loans.len() >= 2, "{}", loans.len());
            assert_error::<()>(Err(error), ErrorKind::Full, &["memory_bytes_max"]);
        }
    }

    fn one_handle_serves_many_threads(place: Place) {
        let world = place.open();
        let mut subscription = world.subscribe("l", &options(|options| {
            options.depth = 4_096;
            options.mailbox_bytes_max = 64 << 20;
        }));
        let publisher = std::sync::Arc::new(
            world.publishers.publisher("l", Default::default()).unwrap(),
        );
        let threads: Vec<_> = (0..4_u8)
            .map(|id| {
                let publisher = publisher.clone();
                start(move || {
                    for _ in 0..200 {
                        let mut loan = publisher.loan(400).unwrap();
                        loan.fill(id);
                        assert_eq!(loan.send().unwrap().accepted, 1);
                        assert_eq!(publisher.publish(&[id; 20]).unwrap().accepted, 1);
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join());
        let mut seen = [0; 4];
        for _ in 0..1_600 {
            let message = next(&mut subscription);
            let id = message.payload()[0];
            assert!(message.payload().iter().all(|byte| *byte == id));
            seen[usize::from(id)] += 1;
        }
        assert_eq!(seen, [400; 4]);
    }
}
