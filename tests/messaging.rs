//! Publishing, groups, services and waiting by the builders.

use core::time::Duration;
use std::thread;

use neo_protocol::{ErrorKind, Failure, Kernel, Options, Policy, Wait};

const LONG: Duration = Duration::from_secs(60);

#[test]
fn each_setting_of_a_subscription_holds() {
    let kernel = Kernel::open("mem://").unwrap();
    let mut t = kernel
        .subscribe("t")
        .depth(3)
        .policy(Policy::DropOldest)
        .wait(Wait::Park)
        .mailbox_bytes_max(10_000)
        .pinned_bytes_max(0)
        .open()
        .unwrap();
    for n in 0..5_u8 {
        kernel.publish("t", &[n]).unwrap();
    }
    assert_eq!((t.queued(), t.pattern()), (3, "t"));
    let message = t.recv().unwrap();
    assert_eq!((message.payload(), message.lost_before()), (&[2_u8][..], 2));
    while t.try_recv().unwrap().is_some() {}
    for _ in 0..2 {
        kernel.publish("t", &[1; 6_000]).unwrap();
    }
    assert_eq!(t.queued(), 1, "two blocks of 6,000 bytes are more than 10,000");
}

#[test]
fn a_group_blocks_by_default_and_a_subscription_drops() {
    let kernel = Kernel::open("mem://").unwrap();
    let _member = kernel.subscribe("work").group("crew").depth(1).open().unwrap();
    kernel.publish("work", b"1").unwrap();
    assert_eq!(kernel.publish("work", b"2").unwrap_err().kind(), ErrorKind::Full);
    let _beside = kernel.subscribe("work").depth(1).open().unwrap();
    assert_eq!(kernel.publish("work", b"3").unwrap().accepted, 1);
    assert_eq!(kernel.publish("work", b"4").unwrap().dropped, 1);
}

#[test]
fn a_patient_publisher_waits_for_room() {
    let kernel = Kernel::open("mem://").unwrap();
    let mut t = kernel.subscribe("t").policy(Policy::Block).depth(4).open().unwrap();
    let publisher = kernel.publisher("t").send_timeout(LONG).stamp_time(true).open().unwrap();
    let producer = thread::spawn(move || {
        for n in 0..2_000_u32 {
            assert_eq!(publisher.publish(&n.to_le_bytes()).unwrap().accepted, 1);
        }
    });
    for n in 0..2_000_u32 {
        let message = t.recv_timeout(LONG).unwrap().expect("a message");
        assert_eq!(message.payload(), n.to_le_bytes());
        assert!(message.frame().time_ns() > 0);
    }
    producer.join().unwrap();
}

#[test]
fn a_service_answers_from_several_workers() {
    let options = Options::new().with_call_timeout(Some(LONG));
    let kernel = Kernel::open_with("mem://", &options).unwrap();
    let workers: Vec<_> = (0..2)
        .map(|_| {
            let mut worker = kernel.serve("sum").depth(64).wait(Wait::Park).open().unwrap();
            thread::spawn(move || {
                worker.run(|call| match call.method() {
                    "of" => {
                        let sum: u64 = call.payload().iter().map(|byte| u64::from(*byte)).sum();
                        Ok(sum.to_string().into())
                    }
                    method => Err(Failure::new(format!("there is no method {method}"))),
                })
            })
        })
        .collect();
    for n in 0..200_u8 {
        let reply = kernel.call("sum", "of", &[n, 1]).unwrap();
        assert_eq!(&reply[..], (u64::from(n) + 1).to_string().as_bytes());
    }
    let error = kernel.call("sum", "product", b"").unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::Service, "there is no method product")
    );
    kernel.close();
    for worker in workers {
        assert_eq!(worker.join().unwrap().unwrap_err().kind(), ErrorKind::Closed);
    }
}

#[test]
fn the_call_timeout_of_the_options_holds() {
    let options = Options::new()
        .with_call_timeout(Some(Duration::from_millis(2)))
        .with_call_wait(Wait::Park)
        .with_calls_in_flight_max(2);
    let kernel = Kernel::open_with("mem://", &options).unwrap();
    let _silent = kernel.serve("silent").open().unwrap();
    for _ in 0..3 {
        let error = kernel.call("silent", "m", b"").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(error.to_string().contains("2ms"), "{error}");
    }
    let zero = kernel.call_timeout("silent", "m", b"", Duration::ZERO).unwrap_err();
    assert_eq!(zero.kind(), ErrorKind::Timeout);
}

#[test]
fn subscriptions_and_publishers_move_between_threads() {
    let kernel = Kernel::open("mem://named.threads").unwrap();
    let mut t = kernel.subscribe("t.>").open().unwrap();
    let publishers: Vec<_> = (0..3)
        .map(|id| {
            thread::spawn(move || {
                let kernel = Kernel::open("mem://named.threads").unwrap();
                let publisher = kernel.publisher(&format!("t.{id}")).open().unwrap();
                publisher.publish_many(&[b"1", b"2", b"3"]).unwrap();
            })
        })
        .collect();
    let reader = thread::spawn(move || {
        let mut seen = Vec::new();
        while seen.len() < 9 {
            let batch = t.recv_batch(16, Some(LONG)).unwrap();
            assert!(!batch.is_empty(), "nine messages come");
            seen.extend(batch.iter().map(|m| (m.topic().to_owned(), m.payload().to_vec())));
        }
        seen.sort();
        seen
    });
    publishers.into_iter().for_each(|thread| thread.join().unwrap());
    let expected: Vec<_> =
        (0..3).flat_map(|id| (b'1'..=b'3').map(move |n| (format!("t.{id}"), vec![n]))).collect();
    assert_eq!(reader.join().unwrap(), expected);
}
