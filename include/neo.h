/**
 * @file neo.h
 * Neo, an embeddable messaging kernel: the C interface.
 *
 * Written by `cargo xtask headers` from neo-ffi/src/capi; do not edit.
 *
 * What holds for every function:
 *
 * - Handles are pointers to structs whose inside is not public. `_open` gives one reference,
 *   `_retain` adds one, `_release` takes one away and accepts NULL. What is made of a kernel keeps
 *   what it needs of it, so handles may be released in any order.
 * - `_close` is not `_release`: it stops something, on any thread, and wakes who waits there with
 *   NEO_E_CLOSED; the handle stays valid until it is released.
 * - Every function may be called by any thread at any time. A handle must not be used after its last
 *   reference was released; that is noticed (NEO_E_BAD_HANDLE) as long as the memory still shows it.
 * - Parameters that are called borrowed are read during the call only. Results are written only when
 *   the function succeeds, counts also when it does not.
 * - A status below 0 is an error. Its text is written to the caller's own neo_error_t, the last
 *   parameter, which may be NULL. Nothing is thread-local.
 * - NULL where something must be, misaligned pointers and impossible lengths are NEO_E_INVALID.
 * - Structs of options and results begin with their size: start with their _INIT macro. Where arrays
 *   of structs are filled, the caller passes the size of an element. Wrong sizes are NEO_E_VERSION.
 * - Text is UTF-8 with a length and need not end in NUL. Durations are nanoseconds: 0 tries, below 0
 *   waits for ever. Flags are 0 or 1.
 * - Handles belong to the process that made them: in a child of fork() they fail with NEO_E_FORKED
 *   and may be released, which leaks them.
 * - The library starts no thread but the one of shm://, which `without_thread` forgoes; it installs
 *   no signal handlers, prints nothing and never ends the process. Signals end no waits.
 */
#ifndef NEO_H
#define NEO_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(_WIN32) && defined(NEO_SHARED)
#define NEO_API __declspec(dllimport)
#elif defined(__GNUC__)
#define NEO_API __attribute__((visibility("default")))
#else
#define NEO_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** What a capsule of another language is called that holds a neo_capsule_t. */
#define NEO_CAPSULE_NAME "neo.api.v1"

/** The functions of a library image. */
typedef struct neo_api_t neo_api_t;

/**
 * Done.
 */
#define NEO_OK 0

/**
 * Nothing is there now, or the time passed without it.
 */
#define NEO_AGAIN 1

/**
 * Nothing is left and nothing will come.
 */
#define NEO_EOS 2

/**
 * Not armed: something is ready now.
 */
#define NEO_ALREADY_READY 3

/**
 * An argument is not valid.
 */
#define NEO_E_INVALID -1

/**
 * A message is larger than a limit.
 */
#define NEO_E_TOO_LARGE -2

/**
 * Memory, a table or a mailbox has no room.
 */
#define NEO_E_FULL -3

/**
 * The time given has passed.
 */
#define NEO_E_TIMEOUT -4

/**
 * The handle or its kernel is closed.
 */
#define NEO_E_CLOSED -5

/**
 * The subscription was full and has been closed.
 */
#define NEO_E_DETACHED -6

/**
 * Nobody serves what was called.
 */
#define NEO_E_NO_RESPONDER -7

/**
 * The service dropped the request unanswered.
 */
#define NEO_E_NO_REPLY -8

/**
 * The process that worked on the call died.
 */
#define NEO_E_PEER_DIED -9

/**
 * The service answered with an error.
 */
#define NEO_E_SERVICE -10

/**
 * The service's handler panicked.
 */
#define NEO_E_PANICKED -11

/**
 * This kind of kernel cannot do that.
 */
#define NEO_E_UNSUPPORTED -12

/**
 * The operating system refused.
 */
#define NEO_E_OS -13

/**
 * The handle belongs to the parent process.
 */
#define NEO_E_FORKED -14

/**
 * The caller's hook ended the wait. (Not in C: for the languages that have hooks.)
 */
#define NEO_E_INTERRUPTED -15

/**
 * The handle cannot be used like this.
 */
#define NEO_E_MISUSE -16

/**
 * A defect of the library; the handle must not be used any more.
 */
#define NEO_E_INTERNAL -17

/**
 * The pointer is no live handle of this type.
 */
#define NEO_E_BAD_HANDLE -18

/**
 * A struct or the header is of another version.
 */
#define NEO_E_VERSION -19

/**
 * Nothing has that name.
 */
#define NEO_E_NOT_FOUND -20

/**
 * What happens when a subscription is full: the library's default, `NEO_POLICY_DROP_OLDEST`; in a
 * group `NEO_POLICY_BLOCK`.
 */
#define NEO_POLICY_DEFAULT 0

/**
 * The oldest message makes room.
 */
#define NEO_POLICY_DROP_OLDEST 1

/**
 * The new message is dropped.
 */
#define NEO_POLICY_DROP_NEWEST 2

/**
 * Only the newest message of each topic is kept.
 */
#define NEO_POLICY_LATEST 3

/**
 * The publisher waits, for at most its send timeout.
 */
#define NEO_POLICY_BLOCK 4

/**
 * The subscription is closed: its reader gets what is queued, then `NEO_E_DETACHED`.
 */
#define NEO_POLICY_DETACH 5

/**
 * How a receiver waits: it spins for a moment, then sleeps.
 */
#define NEO_WAIT_ADAPTIVE 0

/**
 * It never sleeps: the lowest latency, at the price of a core.
 */
#define NEO_WAIT_SPIN 1

/**
 * It sleeps at once.
 */
#define NEO_WAIT_PARK 2

/**
 * For `timeout_ns`: wait for ever. Any number below 0 does.
 */
#define NEO_FOREVER -1

/**
 * In a field of options: as the library has it.
 */
#define NEO_DEFAULT32 4294967295

/**
 * In a field of options: as the library has it.
 */
#define NEO_DEFAULT64 18446744073709551615ull

/**
 * In a duration of options: as the library has it.
 */
#define NEO_DEFAULT_NS INT64_MIN

/**
 * Kinds of `neo_debug_live`: all of them.
 */
#define NEO_LIVE_ALL -1

/**
 * Kernels.
 */
#define NEO_LIVE_KERNELS 0

/**
 * Publishers.
 */
#define NEO_LIVE_PUBLISHERS 1

/**
 * Subscriptions.
 */
#define NEO_LIVE_SUBSCRIPTIONS 2

/**
 * Services.
 */
#define NEO_LIVE_SERVICES 3

/**
 * Requests; each holds a message as well.
 */
#define NEO_LIVE_REQUESTS 4

/**
 * Messages and replies.
 */
#define NEO_LIVE_MESSAGES 5

/**
 * Loans.
 */
#define NEO_LIVE_LOANS 6

/**
 * Pollers.
 */
#define NEO_LIVE_POLLERS 7

/**
 * Calls that were started.
 */
#define NEO_LIVE_CALLS 8

/**
 * Rooms.
 */
#define NEO_LIVE_ROOMS 9

/**
 * Wake callbacks.
 */
#define NEO_LIVE_WAKES 10

/**
 * Borrowed batches.
 */
#define NEO_LIVE_BATCHES 11

/**
 * Snapshots of counters.
 */
#define NEO_LIVE_COUNTERS 12

/**
 * Version of the ABI; another major version is incompatible.
 */
#define NEO_ABI_MAJOR 0

/**
 * Version of the ABI; a higher minor version only adds.
 */
#define NEO_ABI_MINOR 1

/**
 * Bytes of `neo_error_t.msg`, its NUL included.
 */
#define NEO_ERROR_MSG_BYTES 240

/**
 * Messages read in place. While it lives its subscription is locked: receiving from it fails with
 * NEO_E_MISUSE, and closing it takes effect afterwards.
 */
typedef struct neo_batch_t neo_batch_t;

/**
 * A call on its way. Counted; any thread. Its answer is taken once.
 */
typedef struct neo_call_t neo_call_t;

/**
 * A snapshot of a kernel's counters. Immutable; it has one owner.
 */
typedef struct neo_counters_t neo_counters_t;

/**
 * A messaging kernel: what a URL names. Counted; any thread.
 */
typedef struct neo_kernel_t neo_kernel_t;

/**
 * A message being written in place. It has one owner, who ends it by neo_loan_commit or
 * neo_loan_abort.
 */
typedef struct neo_loan_t neo_loan_t;

/**
 * A received message or a reply. Immutable; counted; any thread. It stays valid after its
 * subscription and its kernel are closed and released.
 */
typedef struct neo_msg_t neo_msg_t;

/**
 * Watches many sources and wakes its host once, when the first of them is ready. Counted; any
 * thread; one thread takes and arms. The host takes tokens, receives from what they stand for until
 * nothing is there, and arms.
 */
typedef struct neo_poller_t neo_poller_t;

/**
 * A topic made ready for publishing. Counted; any thread.
 */
typedef struct neo_pub_t neo_pub_t;

/**
 * A request with the right to answer it once. Counted; any thread. Its bytes stay readable after
 * the answer. Released unanswered, its caller gets NEO_E_NO_REPLY.
 */
typedef struct neo_request_t neo_request_t;

/**
 * Room for one more message of a publisher. Counted; any thread.
 */
typedef struct neo_room_t neo_room_t;

/**
 * A worker of a service. Counted; any thread; a request goes to one caller.
 */
typedef struct neo_service_t neo_service_t;

/**
 * The receiving end of a pattern. Counted; any thread; a message goes to one caller.
 */
typedef struct neo_sub_t neo_sub_t;

/**
 * What a function says: `NEO_OK`, an outcome above it that is no failure, or an error below it.
 * Numbers are frozen; later versions may add some.
 */
typedef int32_t neo_status_t;

/**
 * Bytes, or UTF-8 text that does not end in NUL. NULL is good for no bytes.
 */
typedef struct {
    /**
     * The first byte.
     */
    const uint8_t *data;
    /**
     * How many.
     */
    size_t len;
} neo_slice_t;

/**
 * What a message says. Its pointers are valid until the message is released; those of a borrowed
 * batch until the batch is.
 */
typedef struct {
    /**
     * The message itself; NULL in a borrowed batch.
     */
    neo_msg_t *msg;
    /**
     * The payload, at least 64-byte aligned unless it is empty.
     */
    neo_slice_t data;
    /**
     * The topic that it was published to; empty in a reply.
     */
    neo_slice_t topic;
    /**
     * Its number in its stream; 0 outside streams.
     */
    uint64_t seq;
    /**
     * Messages that the subscription lost between the one before and this one.
     */
    uint64_t lost_before;
    /**
     * When it was sent, in nanoseconds since 1970; 0 unless its publisher stamps the time.
     */
    int64_t timestamp_ns;
} neo_view_t;

/**
 * What went wrong, in the caller's own memory: begin with `NEO_ERROR_INIT`. It is written only by a
 * function that returns an error, and only as far as `struct_size` says.
 */
typedef struct {
    /**
     * `sizeof(neo_error_t)`.
     */
    uint32_t struct_size;
    /**
     * The status that the function returned.
     */
    int32_t code;
    /**
     * With `NEO_E_OS`, the `errno` that the operating system gave as the reason; 0 where no call of
     * the system is what failed, and with other codes.
     */
    int32_t os_errno;
    /**
     * Bytes of `msg` without its NUL.
     */
    uint32_t len;
    /**
     * The text for a person: UTF-8, ends in NUL, is cut at the end of a character if it is longer.
     */
    char msg[NEO_ERROR_MSG_BYTES];
} neo_error_t;

/**
 * Limits of a kernel. Begin with `NEO_CONFIG_INIT`, and set what is to differ.
 */
typedef struct {
    /**
     * `sizeof(neo_config_t)`.
     */
    uint32_t struct_size;
    /**
     * Subscriptions, groups and services that may be open at a time; 131,072 by default.
     */
    uint32_t subscriptions_max;
    /**
     * Opens of one name at a time; 64 by default.
     */
    uint32_t participants_max;
    /**
     * Calls that may wait for an answer at a time; 1,024 by default.
     */
    uint32_t calls_in_flight_max;
    /**
     * Payload memory in bytes that the kernel takes at most; 256 MiB by default.
     */
    uint64_t memory_bytes_max;
    /**
     * How long a call waits for its answer; 5 s by default, below 0 for ever.
     */
    int64_t call_timeout_ns;
    /**
     * 1: starts no thread. A kernel of `shm://` starts one otherwise, which sleeps until another
     * process dies, or wakes a poller of this one; without it call neo_kernel_maintain. Threads that wait
     * in a function of the library look themselves, every 5 ms.
     */
    uint8_t without_thread;
    /**
     * 1: opens a name only if somebody has it open, with the limits that it has; `NEO_E_NOT_FOUND`
     * otherwise. For tools that look on, and for workers that are of no use alone.
     */
    uint8_t existing_only;
    /**
     * Zero.
     */
    uint8_t reserved[6];
} neo_config_t;

/**
 * What neo_kernel_maintain restored. Begin with `NEO_RECLAIMED_INIT`.
 */
typedef struct {
    /**
     * `sizeof(neo_reclaimed_t)`.
     */
    uint32_t struct_size;
    /**
     * Zero.
     */
    uint32_t reserved;
    /**
     * Processes that were dead.
     */
    uint64_t participants;
    /**
     * Subscriptions, groups and services that were closed.
     */
    uint64_t routes;
    /**
     * Messages that were begun and not sent; each counts as lost.
     */
    uint64_t claims;
    /**
     * Blocks of memory that nothing referred to any more.
     */
    uint64_t blocks;
} neo_reclaimed_t;

/**
 * Counters of a whole kernel. Begin with `NEO_TOTALS_INIT`.
 */
typedef struct {
    /**
     * `sizeof(neo_totals_t)`.
     */
    uint32_t struct_size;
    /**
     * Zero.
     */
    uint32_t reserved;
    /**
     * Subscriptions, groups and services that are listed: neo_counters_route reads them.
     */
    uint64_t routes;
    /**
     * Replies that came after their callers had given up.
     */
    uint64_t late_replies;
    /**
     * Requests that workers passed over because their callers had given up.
     */
    uint64_t expired_requests;
    /**
     * Bytes of payload memory in use.
     */
    uint64_t memory_bytes;
    /**
     * Bytes of payload memory that are backed.
     */
    uint64_t committed_bytes;
} neo_totals_t;

/**
 * Counters of one subscription, group or service. Its texts are valid until the snapshot is
 * released.
 */
typedef struct {
    /**
     * Its pattern, or the service's name.
     */
    neo_slice_t pattern;
    /**
     * Its group; empty if it is none.
     */
    neo_slice_t group;
    /**
     * Messages that it holds at most.
     */
    uint64_t depth;
    /**
     * Messages that entered the mailbox.
     */
    uint64_t accepted;
    /**
     * Messages that a receiver took.
     */
    uint64_t delivered;
    /**
     * Messages that were refused, evicted, replaced, or died with their publishers.
     */
    uint64_t lost;
    /**
     * Messages that waited for room until their publishers gave up.
     */
    uint64_t timed_out;
    /**
     * Messages in the mailbox.
     */
    uint64_t queued;
    /**
     * What happens when it is full: a `NEO_POLICY_` number.
     */
    int32_t policy;
    /**
     * Zero.
     */
    uint32_t reserved;
} neo_route_t;

/**
 * A header of messages.
 */
typedef struct {
    /**
     * UTF-8, 1 to 255 bytes.
     */
    neo_slice_t key;
    /**
     * Any bytes.
     */
    neo_slice_t value;
} neo_header_t;

/**
 * Options of a publisher. Begin with `NEO_PUB_OPTS_INIT`.
 */
typedef struct {
    /**
     * `sizeof(neo_pub_opts_t)`.
     */
    uint32_t struct_size;
    /**
     * 1: each message carries the wall clock of its sending.
     */
    uint8_t stamp_time;
    /**
     * Zero.
     */
    uint8_t reserved[3];
    /**
     * How long one publish may block at full mailboxes with `NEO_POLICY_BLOCK`; 0 not at all,
     * below 0 for ever.
     */
    int64_t send_timeout_ns;
    /**
     * What each message carries beside its payload: at most 32 keys of 1 to 255 bytes with their
     * values, borrowed. With the topic and 8 bytes for each they have room in 448 bytes.
     */
    const neo_header_t *headers;
    /**
     * How many headers there are.
     */
    size_t header_count;
    /**
     * The W3C trace context of each message as text of 55 letters, borrowed; NULL: none.
     */
    neo_slice_t traceparent;
} neo_pub_opts_t;

/**
 * Options of one publish. Begin with `NEO_SEND_OPTS_INIT`.
 */
typedef struct {
    /**
     * `sizeof(neo_send_opts_t)`.
     */
    uint32_t struct_size;
    /**
     * Zero.
     */
    uint32_t reserved;
    /**
     * How long this publish may wait for room beforehand; 0 not at all, below 0 for ever.
     */
    int64_t timeout_ns;
} neo_send_opts_t;

/**
 * What became of what was published, added up over mailboxes. Begin with
 * `NEO_PUBLISH_RESULT_INIT`.
 */
typedef struct {
    /**
     * `sizeof(neo_publish_result_t)`.
     */
    uint32_t struct_size;
    /**
     * Mailboxes that took a message.
     */
    uint32_t accepted;
    /**
     * Messages that a mailbox refused, and older ones that made room.
     */
    uint32_t dropped;
    /**
     * Mailboxes that had no room until the send timeout had passed.
     */
    uint32_t timed_out;
    /**
     * Messages that were published, from the first on.
     */
    uint64_t messages;
} neo_publish_result_t;

/**
 * Options of a subscription. Begin with `NEO_SUB_OPTS_INIT`, and set what is to differ.
 */
typedef struct {
    /**
     * `sizeof(neo_sub_opts_t)`.
     */
    uint32_t struct_size;
    /**
     * Messages that may wait, 1 to 65,536; 1,024 by default. With `NEO_POLICY_LATEST`: topics.
     */
    uint32_t depth;
    /**
     * What happens when it is full: a `NEO_POLICY_` number.
     */
    int32_t policy;
    /**
     * How its receivers wait: a `NEO_WAIT_` number.
     */
    int32_t wait;
    /**
     * Bytes that may wait in messages of more than 256 bytes; 1 MiB by default.
     */
    uint64_t mailbox_bytes_max;
    /**
     * Bytes of such messages that may be kept without being copied; 64 MiB by default.
     */
    uint64_t pinned_bytes_max;
    /**
     * The queue group to join, UTF-8, borrowed; each message goes to one of its members. NULL: none.
     */
    neo_slice_t group;
} neo_sub_opts_t;

/**
 * Options of a service worker. Begin with `NEO_SERVICE_OPTS_INIT`, and set what is to differ.
 */
typedef struct {
    /**
     * `sizeof(neo_service_opts_t)`.
     */
    uint32_t struct_size;
    /**
     * Requests that may wait, 1 to 65,536; 1,024 by default. All workers use the same.
     */
    uint32_t depth;
    /**
     * How its receivers wait: a `NEO_WAIT_` number.
     */
    int32_t wait;
    /**
     * Zero.
     */
    uint32_t reserved;
} neo_service_opts_t;

/**
 * What a request says. Its pointers are valid until the request is released.
 */
typedef struct {
    /**
     * The method that was called.
     */
    neo_slice_t method;
    /**
     * The argument, at least 64-byte aligned unless it is empty.
     */
    neo_slice_t data;
} neo_request_view_t;

/**
 * Options of one call. Begin with `NEO_CALL_OPTS_INIT`.
 */
typedef struct {
    /**
     * `sizeof(neo_call_opts_t)`.
     */
    uint32_t struct_size;
    /**
     * Zero.
     */
    uint32_t reserved;
    /**
     * How long to wait for the answer, below 0 for ever; by default as long as the kernel's own
     * timeout says.
     */
    int64_t timeout_ns;
} neo_call_opts_t;

/**
 * What a poller calls once for each time that it was armed, on the thread that made something
 * ready. It must return soon and must not call Neo.
 */
typedef void (*neo_wake_fn)(void *ctx);

/**
 * What a poller calls with `ctx` when no wake will come any more: on the thread that gives the last
 * reference back, or on one that is just waking.
 */
typedef void (*neo_drop_fn)(void *ctx);

/**
 * A kernel of a host in another language (a Python capsule named "neo.api.v1" holds one), and the
 * functions to use it: those of the host's library image, which need not be exported.
 *
 * The capsule owns its reference to the kernel. Check `struct_size` and `api->abi`, and
 * retain the kernel to keep it longer than the capsule.
 */
typedef struct {
    /**
     * Bytes of this struct, for fields that later versions append.
     */
    uint32_t struct_size;
    /**
     * Zero.
     */
    uint32_t reserved;
    /**
     * The functions. Static.
     */
    const neo_api_t *api;
    /**
     * The kernel.
     */
    neo_kernel_t *kernel;
} neo_capsule_t;

/**
 * The symbol of a status, such as "NEO_E_CLOSED"; "NEO_E_UNKNOWN" for a number that this version
 * does not know. Static text. Any thread.
 */
NEO_API
const char *neo_status_name(neo_status_t status);

/**
 * What a status means, in a few words. Static text. Any thread.
 */
NEO_API
const char *neo_status_str(neo_status_t status);

/**
 * Reads a message.
 *
 * @param msg        the message
 * @param view       receives what it says, with pointers into the message, and `msg` itself (no
 *                   reference is added)
 * @param view_size  sizeof(neo_view_t)
 * @return NEO_OK; NEO_E_INVALID, NEO_E_VERSION, NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_msg_view(neo_msg_t *msg,
                          neo_view_t *view,
                          size_t view_size);

/**
 * Reads a header of a message, in the order in which they were added; a key may stand more than
 * once.
 *
 * @param msg    the message
 * @param index  from 0
 * @param key    receives the key, UTF-8, valid until the message is released
 * @param value  receives the value, valid until the message is released
 * @param err    receives what went wrong; may be NULL
 * @return NEO_OK; NEO_EOS if there are fewer; NEO_E_INVALID, NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_msg_header(const neo_msg_t *msg,
                            size_t index,
                            neo_slice_t *key,
                            neo_slice_t *value,
                            neo_error_t *err);

/**
 * Reads the W3C trace context of a message.
 *
 * @param msg   the message
 * @param text  receives 55 letters and a NUL
 * @param size  bytes that `text` has room for, 56 or more
 * @param err   receives what went wrong; may be NULL
 * @return NEO_OK; NEO_EOS if it carries none; NEO_E_INVALID, NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_msg_traceparent(const neo_msg_t *msg,
                                 char *text,
                                 size_t size,
                                 neo_error_t *err);

/**
 * Adds a reference, for one more neo_msg_release.
 *
 * @return NEO_OK; NEO_E_BAD_HANDLE, NEO_E_INVALID
 *
 * Any thread.
 */
NEO_API
neo_status_t neo_msg_retain(neo_msg_t *msg);

/**
 * Gives one reference back; NULL does nothing. Any thread.
 */
NEO_API
void neo_msg_release(neo_msg_t *msg);

/**
 * Releases the `msg` of each view and sets it to NULL; those that are NULL already are passed over.
 *
 * @param views      as neo_recv_batch filled them
 * @param view_size  sizeof(neo_view_t)
 * @param n          how many
 *
 * Any thread.
 */
NEO_API
void neo_msg_release_batch(neo_view_t *views,
                           size_t view_size,
                           size_t n);

/**
 * Opens the kernel that a URL names: `mem://` is private to the handle, `mem://NAME` is shared by
 * every open of that name through this library image, `shm://NAME` by every process of this user
 * on this host.
 *
 * @param url     UTF-8, borrowed; NULL: what the environment variable NEO_URL names, else
 *                `mem://default`
 * @param config  borrowed; NULL: the defaults
 * @param out     receives one reference, for neo_kernel_release
 * @param err     receives what went wrong; may be NULL
 * @return NEO_OK; NEO_E_INVALID, NEO_E_VERSION, NEO_E_UNSUPPORTED, NEO_E_OS
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_kernel_open(neo_slice_t url,
                             const neo_config_t *config,
                             neo_kernel_t **out,
                             neo_error_t *err);

/**
 * Closes the kernel and all that was made of it: every waiter returns with NEO_E_CLOSED, what is
 * queued can still be received, what was received stays valid. The handle stays, for
 * neo_kernel_release. Closing twice does nothing.
 *
 * @return NEO_OK; NEO_E_FORKED, NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_kernel_close(neo_kernel_t *kernel);

/**
 * 1 if neo_kernel_close was called, or if it is no kernel; 0 if it is open. Any thread.
 */
NEO_API
uint8_t neo_kernel_is_closed(const neo_kernel_t *kernel);

/**
 * The URL that the kernel was opened with. Valid until the handle's last reference is released.
 *
 * @param url  receives it
 * @return NEO_OK; NEO_E_INVALID, NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_kernel_url(const neo_kernel_t *kernel,
                            neo_slice_t *url);

/**
 * Gives memory that nothing uses back to the system.
 *
 * @param freed  receives the bytes; may be NULL
 * @param err    receives what went wrong; may be NULL
 * @return NEO_OK; NEO_E_FORKED, NEO_E_BAD_HANDLE, NEO_E_INVALID
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_kernel_trim(neo_kernel_t *kernel,
                             uint64_t *freed,
                             neo_error_t *err);

/**
 * Puts right what dead processes left at a kernel of `shm://`, and fires the wakes that others
 * asked for. Needed only if it was opened with `without_thread`: call it whenever
 * neo_kernel_maintain_fd is readable.
 *
 * @param kernel     the kernel
 * @param reclaimed  receives what was restored; may be NULL
 * @param err        receives what went wrong; may be NULL
 * @return NEO_OK; NEO_E_OS, NEO_E_VERSION, NEO_E_FORKED, NEO_E_BAD_HANDLE, NEO_E_INVALID
 *
 * Any thread. Does not wait for other processes' work; for at most two seconds for one that was
 * stopped while it opened or left the kernel.
 */
NEO_API
neo_status_t neo_kernel_maintain(neo_kernel_t *kernel,
                                 neo_reclaimed_t *reclaimed,
                                 neo_error_t *err);

/**
 * Readable while there is something for neo_kernel_maintain to do. Borrowed: watch it, never read
 * or close it. -1 for a kernel of one process, and where there are no descriptors.
 *
 * Any thread.
 */
NEO_API
int32_t neo_kernel_maintain_fd(const neo_kernel_t *kernel);

/**
 * Adds a reference, for one more neo_kernel_release.
 *
 * @return NEO_OK; NEO_E_BAD_HANDLE, NEO_E_INVALID
 *
 * Any thread.
 */
NEO_API
neo_status_t neo_kernel_retain(neo_kernel_t *kernel);

/**
 * Gives one reference back; NULL does nothing. What was made of the kernel stays open: to end it,
 * call neo_kernel_close before. Any thread.
 */
NEO_API
void neo_kernel_release(neo_kernel_t *kernel);

/**
 * Takes a snapshot of the counters: per subscription, group and service, and of the whole kernel.
 *
 * @param kernel  the kernel
 * @param out     receives the snapshot, for neo_counters_release
 * @param err     receives what went wrong; may be NULL
 * @return NEO_OK; NEO_E_INVALID, NEO_E_FORKED, NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_kernel_counters(neo_kernel_t *kernel,
                                 neo_counters_t **out,
                                 neo_error_t *err);

/**
 * The counters of the whole kernel.
 *
 * @param counters  the snapshot
 * @param totals    receives them
 * @return NEO_OK; NEO_E_INVALID, NEO_E_VERSION, NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_counters_totals(const neo_counters_t *counters,
                                 neo_totals_t *totals);

/**
 * The counters of one subscription, group or service.
 *
 * @param counters    the snapshot
 * @param index       from 0
 * @param route       receives them
 * @param route_size  sizeof(neo_route_t)
 * @return NEO_OK; NEO_EOS if there are fewer; NEO_E_INVALID, NEO_E_VERSION, NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_counters_route(const neo_counters_t *counters,
                                size_t index,
                                neo_route_t *route,
                                size_t route_size);

/**
 * Gives a snapshot back; NULL does nothing. Any thread.
 */
NEO_API
void neo_counters_release(neo_counters_t *counters);

/**
 * Makes a topic ready for publishing.
 *
 * @param kernel  the kernel; the publisher keeps what it needs of it
 * @param topic   UTF-8, borrowed
 * @param opts    borrowed; NULL: the defaults
 * @param out     receives one reference, for neo_pub_release
 * @param err     receives what went wrong; may be NULL
 * @return NEO_OK; NEO_E_INVALID, NEO_E_VERSION, NEO_E_CLOSED, NEO_E_FORKED, NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_pub_open(neo_kernel_t *kernel,
                          neo_slice_t topic,
                          const neo_pub_opts_t *opts,
                          neo_pub_t **out,
                          neo_error_t *err);

/**
 * Publishes one message: the payload is copied once, into the kernel's memory. No form publishes
 * memory of the program's own by reference: what is too large to copy is written into a neo_loan.
 *
 * @param pub     the publisher
 * @param data    the payload, borrowed; may be NULL if `len` is 0
 * @param len     its bytes
 * @param opts    borrowed; NULL: wait for no room beyond the publisher's send timeout
 * @param result  receives what became of it; may be NULL
 * @param err     receives what went wrong; may be NULL
 * @return NEO_OK; NEO_E_FULL if no mailbox took it and one had no room, or the memory is used up;
 *         NEO_E_TOO_LARGE, NEO_E_CLOSED, NEO_E_INVALID, NEO_E_VERSION, NEO_E_FORKED,
 *         NEO_E_BAD_HANDLE
 *
 * Any thread. Waits for the publisher's send timeout and that of `opts`, at full mailboxes with
 * NEO_POLICY_BLOCK only.
 */
NEO_API
neo_status_t neo_publish(neo_pub_t *pub,
                         const void *data,
                         size_t len,
                         const neo_send_opts_t *opts,
                         neo_publish_result_t *result,
                         neo_error_t *err);

/**
 * Publishes one message to a topic by name, without waiting for room. A publisher is faster.
 *
 * @param kernel  the kernel
 * @param topic   UTF-8, borrowed
 * @param data    the payload, borrowed; may be NULL if `len` is 0
 * @param len     its bytes
 * @param result  receives what became of it; may be NULL
 * @param err     receives what went wrong; may be NULL
 * @return as neo_publish
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_publish_to(neo_kernel_t *kernel,
                            neo_slice_t topic,
                            const void *data,
                            size_t len,
                            neo_publish_result_t *result,
                            neo_error_t *err);

/**
 * Publishes payloads that stand one behind the other, each as a message of its own, in order, with
 * one claim and one wake for many.
 *
 * @param pub       the publisher
 * @param data      all payloads, borrowed; may be NULL if `data_len` is 0
 * @param data_len  their bytes
 * @param lens      the bytes of each, borrowed; they add up to `data_len`
 * @param n         how many
 * @param result    receives how many were published and what became of them; may be NULL
 * @param err       receives what the next message met; may be NULL
 * @return NEO_OK if all were published; else what the next message met, as neo_publish, with
 *         `result` filled
 *
 * Any thread. Waits as neo_publish does for each.
 */
NEO_API
neo_status_t neo_publish_batch_flat(neo_pub_t *pub,
                                    const void *data,
                                    size_t data_len,
                                    const uint32_t *lens,
                                    size_t n,
                                    neo_publish_result_t *result,
                                    neo_error_t *err);

/**
 * Publishes payloads, each as a message of its own, in order, with one claim and one wake for many.
 *
 * @param pub       the publisher
 * @param payloads  where they stand, borrowed
 * @param n         how many
 * @param result    receives how many were published and what became of them; may be NULL
 * @param err       receives what the next message met; may be NULL
 * @return NEO_OK if all were published; else what the next message met, as neo_publish, with
 *         `result` filled
 *
 * Any thread. Waits as neo_publish does for each.
 */
NEO_API
neo_status_t neo_publish_batchv(neo_pub_t *pub,
                                const neo_slice_t *payloads,
                                size_t n,
                                neo_publish_result_t *result,
                                neo_error_t *err);

/**
 * The publisher's topic. Valid until its last reference is released.
 *
 * @param topic  receives it
 * @return NEO_OK; NEO_E_INVALID, NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_pub_topic(const neo_pub_t *pub,
                           neo_slice_t *topic);

/**
 * Adds a reference, for one more neo_pub_release.
 *
 * @return NEO_OK; NEO_E_BAD_HANDLE, NEO_E_INVALID
 *
 * Any thread.
 */
NEO_API
neo_status_t neo_pub_retain(neo_pub_t *pub);

/**
 * Gives one reference back; NULL does nothing. Any thread.
 */
NEO_API
void neo_pub_release(neo_pub_t *pub);

/**
 * Lends memory of the kernel to write a message in place: the form without any copy. What it holds
 * beforehand is not specified.
 *
 * @param pub   the publisher; the loan keeps what it needs of it
 * @param len   bytes to lend
 * @param out   receives the loan, for neo_loan_commit or neo_loan_abort
 * @param data  receives where to write; at least 64-byte aligned unless `len` is 0, valid until the
 *              loan ends
 * @param err   receives what went wrong; may be NULL
 * @return NEO_OK; NEO_E_FULL if the memory is used up, NEO_E_TOO_LARGE, NEO_E_CLOSED, NEO_E_INVALID,
 *         NEO_E_FORKED, NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_loan(neo_pub_t *pub,
                      size_t len,
                      neo_loan_t **out,
                      uint8_t **data,
                      neo_error_t *err);

/**
 * Sends only the first `len` bytes.
 *
 * @param len  at most what was lent
 * @param err  receives what went wrong; may be NULL
 * @return NEO_OK; NEO_E_INVALID, NEO_E_FORKED, NEO_E_BAD_HANDLE
 *
 * The loan's owner. Does not wait.
 */
NEO_API
neo_status_t neo_loan_truncate(neo_loan_t *loan,
                               size_t len,
                               neo_error_t *err);

/**
 * Publishes the message. The loan is gone afterwards, also if this fails.
 *
 * @param loan    consumed, unless it is none or a struct is of a wrong version
 * @param result  receives what became of it; may be NULL
 * @param err     receives what went wrong; may be NULL
 * @return as neo_publish
 *
 * The loan's owner. Waits as neo_publish does without options.
 */
NEO_API
neo_status_t neo_loan_commit(neo_loan_t *loan,
                             neo_publish_result_t *result,
                             neo_error_t *err);

/**
 * Gives the memory back and sends nothing; NULL does nothing. The loan's owner.
 */
NEO_API
void neo_loan_abort(neo_loan_t *loan);

/**
 * Watches for room: there is some when a message of `len` bytes would have to wait at no full
 * mailbox. A poller can watch it. Others may take the room first.
 *
 * @param pub  the publisher; the room keeps what it needs of it
 * @param len  bytes of the message
 * @param out  receives one reference, for neo_room_release
 * @param err  receives what went wrong; may be NULL
 * @return NEO_OK; NEO_E_INVALID, NEO_E_FORKED, NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_room_open(neo_pub_t *pub,
                           size_t len,
                           neo_room_t **out,
                           neo_error_t *err);

/**
 * Waits for room.
 *
 * @param timeout_ns  how long to wait; 0 not at all, below 0 for ever
 * @param err         receives what went wrong; may be NULL
 * @return NEO_OK; NEO_AGAIN if the time passed; NEO_E_CLOSED, NEO_E_FORKED, NEO_E_BAD_HANDLE
 *
 * Any thread. Waits for `timeout_ns`, or until the kernel is closed.
 */
NEO_API
neo_status_t neo_room_wait(neo_room_t *room,
                           int64_t timeout_ns,
                           neo_error_t *err);

/**
 * Adds a reference, for one more neo_room_release.
 *
 * @return NEO_OK; NEO_E_BAD_HANDLE, NEO_E_INVALID
 *
 * Any thread.
 */
NEO_API
neo_status_t neo_room_retain(neo_room_t *room);

/**
 * Gives one reference back; NULL does nothing. Any thread.
 */
NEO_API
void neo_room_release(neo_room_t *room);

/**
 * Subscribes to a pattern. A publish that starts after this returned is delivered.
 *
 * @param kernel   the kernel; the subscription keeps what it needs of it
 * @param pattern  UTF-8, borrowed: `*` stands for one word, `>` at the end for all that follow
 * @param opts     borrowed; NULL: the defaults
 * @param out      receives one reference, for neo_sub_release
 * @param err      receives what went wrong; may be NULL
 * @return NEO_OK; NEO_E_INVALID, NEO_E_FULL, NEO_E_VERSION, NEO_E_CLOSED, NEO_E_FORKED,
 *         NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_sub_open(neo_kernel_t *kernel,
                          neo_slice_t pattern,
                          const neo_sub_opts_t *opts,
                          neo_sub_t **out,
                          neo_error_t *err);

/**
 * Receives the next message if one is there. As neo_recv with a timeout of 0.
 */
NEO_API
neo_status_t neo_try_recv(neo_sub_t *sub,
                          neo_view_t *view,
                          size_t view_size,
                          neo_error_t *err);

/**
 * Receives the next message.
 *
 * @param sub         the subscription
 * @param view        receives the message, whose `msg` is for neo_msg_release
 * @param view_size   sizeof(neo_view_t)
 * @param timeout_ns  how long to wait; 0 not at all, below 0 for ever
 * @param err         receives what went wrong; may be NULL
 * @return NEO_OK; NEO_AGAIN if the time passed; NEO_E_CLOSED or NEO_E_DETACHED once nothing is left
 *         and nothing will come; NEO_E_MISUSE while a borrowed batch is out; NEO_E_INVALID,
 *         NEO_E_VERSION, NEO_E_FORKED, NEO_E_BAD_HANDLE
 *
 * Any thread. Waits for `timeout_ns`, or until the subscription or its kernel is closed.
 */
NEO_API
neo_status_t neo_recv(neo_sub_t *sub,
                      neo_view_t *view,
                      size_t view_size,
                      int64_t timeout_ns,
                      neo_error_t *err);

/**
 * Receives messages that are there, and waits for the first one.
 *
 * @param sub         the subscription
 * @param views       receives the messages, for neo_msg_release_batch
 * @param view_size   sizeof(neo_view_t)
 * @param cap         how many at most
 * @param n           receives how many came
 * @param timeout_ns  how long to wait for the first one; 0 not at all, below 0 for ever
 * @param err         receives what went wrong; may be NULL
 * @return as neo_recv
 *
 * Any thread. Waits as neo_recv does.
 */
NEO_API
neo_status_t neo_recv_batch(neo_sub_t *sub,
                            neo_view_t *views,
                            size_t view_size,
                            size_t cap,
                            size_t *n,
                            int64_t timeout_ns,
                            neo_error_t *err);

/**
 * Receives messages that are there into the caller's own memory, as far as they fit, and waits for
 * the first one: for languages to which every handle is a cost. A message that fits what is left of
 * `space`, with its topic, is copied there: `msg` of its view is NULL and nothing is to be released.
 * One that does not fit, or that carries headers or a trace context, has a `msg`, as neo_recv_batch
 * gives it.
 *
 * @param sub         the subscription
 * @param space       receives bytes; copies are not aligned
 * @param space_len   how many it takes
 * @param views       receives the messages, for neo_msg_release_batch
 * @param view_size   sizeof(neo_view_t)
 * @param cap         how many at most
 * @param n           receives how many came
 * @param timeout_ns  how long to wait for the first one; 0 not at all, below 0 for ever
 * @param err         receives what went wrong; may be NULL
 * @return as neo_recv
 *
 * Any thread. Waits as neo_recv does.
 */
NEO_API
neo_status_t neo_recv_batch_into(neo_sub_t *sub,
                                 uint8_t *space,
                                 size_t space_len,
                                 neo_view_t *views,
                                 size_t view_size,
                                 size_t cap,
                                 size_t *n,
                                 int64_t timeout_ns,
                                 neo_error_t *err);

/**
 * Borrows messages that are there, to be read in place, and waits for the first one. Nothing is
 * copied or allocated for each of them. It pins at most half the mailbox.
 *
 * @param sub         the subscription
 * @param views       receives the messages, whose `msg` is NULL; valid until the batch is released
 * @param view_size   sizeof(neo_view_t)
 * @param cap         how many at most
 * @param n           receives how many came
 * @param out         receives the batch, for neo_batch_release
 * @param timeout_ns  how long to wait for the first one; 0 not at all, below 0 for ever
 * @param err         receives what went wrong; may be NULL
 * @return as neo_recv
 *
 * Any thread. Waits as neo_recv does.
 */
NEO_API
neo_status_t neo_borrow_batch(neo_sub_t *sub,
                              neo_view_t *views,
                              size_t view_size,
                              size_t cap,
                              size_t *n,
                              neo_batch_t **out,
                              int64_t timeout_ns,
                              neo_error_t *err);

/**
 * Gives the messages back and unlocks the subscription; NULL does nothing. Any thread.
 */
NEO_API
void neo_batch_release(neo_batch_t *batch);

/**
 * Losses since the last message that no message has told; asking resets it.
 *
 * @param lost  receives how many
 * @param err   receives what went wrong; may be NULL
 * @return NEO_OK; NEO_E_CLOSED, NEO_E_MISUSE, NEO_E_INVALID, NEO_E_FORKED, NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_sub_take_lost(neo_sub_t *sub,
                               uint64_t *lost,
                               neo_error_t *err);

/**
 * Messages that wait to be received.
 *
 * @param queued  receives how many
 * @param err     receives what went wrong; may be NULL
 * @return NEO_OK; NEO_E_CLOSED, NEO_E_MISUSE, NEO_E_INVALID, NEO_E_FORKED, NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_sub_queued(neo_sub_t *sub,
                            uint64_t *queued,
                            neo_error_t *err);

/**
 * The pattern that it was opened with. Valid until its last reference is released.
 *
 * @param pattern  receives it
 * @return NEO_OK; NEO_E_INVALID, NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_sub_pattern(const neo_sub_t *sub,
                             neo_slice_t *pattern);

/**
 * Unsubscribes: nothing arrives any more, what is queued is given up, and every waiting thread
 * returns with NEO_E_CLOSED. Messages that were received stay valid, and so does the handle, for
 * neo_sub_release. Closing twice does nothing.
 *
 * @return NEO_OK; NEO_E_FORKED, NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_sub_close(neo_sub_t *sub);

/**
 * Adds a reference, for one more neo_sub_release.
 *
 * @return NEO_OK; NEO_E_BAD_HANDLE, NEO_E_INVALID
 *
 * Any thread.
 */
NEO_API
neo_status_t neo_sub_retain(neo_sub_t *sub);

/**
 * Gives one reference back, with the last one unsubscribes; NULL does nothing. Any thread.
 */
NEO_API
void neo_sub_release(neo_sub_t *sub);

/**
 * Joins a service as a worker; the first one opens it.
 *
 * @param kernel  the kernel; the worker keeps what it needs of it
 * @param name    UTF-8, borrowed
 * @param opts    borrowed; NULL: the defaults
 * @param out     receives one reference, for neo_service_release
 * @param err     receives what went wrong; may be NULL
 * @return NEO_OK; NEO_E_INVALID, NEO_E_FULL, NEO_E_VERSION, NEO_E_CLOSED, NEO_E_FORKED,
 *         NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_service_open(neo_kernel_t *kernel,
                              neo_slice_t name,
                              const neo_service_opts_t *opts,
                              neo_service_t **out,
                              neo_error_t *err);

/**
 * Takes the next request.
 *
 * @param service     the worker
 * @param out         receives the request, for neo_request_release
 * @param timeout_ns  how long to wait; 0 not at all, below 0 for ever
 * @param err         receives what went wrong; may be NULL
 * @return NEO_OK; NEO_AGAIN if the time passed; NEO_E_CLOSED, NEO_E_INVALID, NEO_E_FORKED,
 *         NEO_E_BAD_HANDLE
 *
 * Any thread. Waits for `timeout_ns`, or until the worker or its kernel is closed.
 */
NEO_API
neo_status_t neo_service_recv(neo_service_t *service,
                              neo_request_t **out,
                              int64_t timeout_ns,
                              neo_error_t *err);

/**
 * The service's name. Valid until the worker's last reference is released.
 *
 * @param name  receives it
 * @return NEO_OK; NEO_E_INVALID, NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_service_name(const neo_service_t *service,
                              neo_slice_t *name);

/**
 * Leaves the service: every waiting thread returns with NEO_E_CLOSED; requests that nobody is left
 * to take are answered with NEO_E_NO_REPLY. The handle stays, for neo_service_release. Closing twice
 * does nothing.
 *
 * @return NEO_OK; NEO_E_FORKED, NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_service_close(neo_service_t *service);

/**
 * Adds a reference, for one more neo_service_release.
 *
 * @return NEO_OK; NEO_E_BAD_HANDLE, NEO_E_INVALID
 *
 * Any thread.
 */
NEO_API
neo_status_t neo_service_retain(neo_service_t *service);

/**
 * Gives one reference back, with the last one leaves the service; NULL does nothing. Any thread.
 */
NEO_API
void neo_service_release(neo_service_t *service);

/**
 * Reads a request.
 *
 * @param request    the request
 * @param view       receives what it says
 * @param view_size  sizeof(neo_request_view_t)
 * @return NEO_OK; NEO_E_INVALID, NEO_E_VERSION, NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_request_view(const neo_request_t *request,
                              neo_request_view_t *view,
                              size_t view_size);

/**
 * Reads a request's argument alone: what neo_request_view says of it, for less.
 *
 * @param request  the request
 * @param data     receives it, valid until the request is released; at least 64-byte aligned unless
 *                 it is empty
 * @return NEO_OK; NEO_E_INVALID, NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_request_data(const neo_request_t *request,
                              neo_slice_t *data);

/**
 * Answers a request. A caller that no longer waits is no error.
 *
 * @param request  the request; it stays, for neo_request_release
 * @param data     the answer, borrowed; may be NULL if `len` is 0
 * @param len      its bytes
 * @param err      receives what went wrong; may be NULL
 * @return NEO_OK; NEO_E_MISUSE if it was answered already; NEO_E_TOO_LARGE or NEO_E_FULL if the
 *         answer has no room, of which the caller is told as well; NEO_E_INVALID, NEO_E_FORKED,
 *         NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_reply(neo_request_t *request,
                       const void *data,
                       size_t len,
                       neo_error_t *err);

/**
 * Answers a request with an error: its caller gets NEO_E_SERVICE with the text, of which 180 bytes
 * travel.
 *
 * @param request  the request; it stays, for neo_request_release
 * @param text     UTF-8, borrowed
 * @param err      receives what went wrong; may be NULL
 * @return NEO_OK; NEO_E_MISUSE if it was answered already; NEO_E_INVALID, NEO_E_FORKED,
 *         NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_reply_error(neo_request_t *request,
                             neo_slice_t text,
                             neo_error_t *err);

/**
 * Adds a reference, for one more neo_request_release.
 *
 * @return NEO_OK; NEO_E_BAD_HANDLE, NEO_E_INVALID
 *
 * Any thread.
 */
NEO_API
neo_status_t neo_request_retain(neo_request_t *request);

/**
 * Gives one reference back; NULL does nothing. Any thread.
 */
NEO_API
void neo_request_release(neo_request_t *request);

/**
 * Calls a method of a service and waits for the answer.
 *
 * @param kernel     the kernel
 * @param service    the service's name, UTF-8, borrowed
 * @param method     the method's name, UTF-8, borrowed
 * @param data       the argument, borrowed; may be NULL if `len` is 0
 * @param len        its bytes
 * @param opts       borrowed; NULL: the kernel's timeout holds
 * @param reply      receives the answer, whose `msg` is for neo_msg_release
 * @param view_size  sizeof(neo_view_t)
 * @param err        receives what went wrong; may be NULL
 * @return NEO_OK; NEO_E_NO_RESPONDER at once if nobody serves it; NEO_E_SERVICE with the service's
 *         text in `err`; NEO_E_TIMEOUT, NEO_E_FULL, NEO_E_NO_REPLY, NEO_E_PANICKED,
 *         NEO_E_PEER_DIED, NEO_E_TOO_LARGE, NEO_E_CLOSED, NEO_E_INVALID, NEO_E_VERSION,
 *         NEO_E_FORKED, NEO_E_BAD_HANDLE
 *
 * Any thread. Waits for the answer, for as long as `opts` or the kernel's options say.
 */
NEO_API
neo_status_t neo_call(neo_kernel_t *kernel,
                      neo_slice_t service,
                      neo_slice_t method,
                      const void *data,
                      size_t len,
                      const neo_call_opts_t *opts,
                      neo_view_t *reply,
                      size_t view_size,
                      neo_error_t *err);

/**
 * Starts a call and does not wait for it. What is wrong with it is told by neo_call_wait. A poller
 * can watch it.
 *
 * The request is sent before this returns, or not at all, so it does not wait for room either: if
 * the service has none the call ends with NEO_E_FULL. neo_call does wait for room.
 *
 * @param kernel   the kernel
 * @param service  the service's name, UTF-8, borrowed
 * @param method   the method's name, UTF-8, borrowed
 * @param data     the argument, borrowed; may be NULL if `len` is 0
 * @param len      its bytes
 * @param out      receives one reference, for neo_call_release
 * @param err      receives what went wrong; may be NULL
 * @return NEO_OK; NEO_E_INVALID, NEO_E_FORKED, NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_call_start(neo_kernel_t *kernel,
                            neo_slice_t service,
                            neo_slice_t method,
                            const void *data,
                            size_t len,
                            neo_call_t **out,
                            neo_error_t *err);

/**
 * Waits for the answer of a call that was started, and takes it.
 *
 * @param call        the call; it goes on if the time passes
 * @param reply       receives the answer, whose `msg` is for neo_msg_release
 * @param view_size   sizeof(neo_view_t)
 * @param timeout_ns  how long to wait; 0 not at all, below 0 for ever
 * @param err         receives what went wrong; may be NULL
 * @return NEO_OK; NEO_AGAIN if the time passed; NEO_E_MISUSE if the answer was taken or the call
 *         cancelled; else as neo_call
 *
 * Any thread. Waits for `timeout_ns`, or until the call ends.
 */
NEO_API
neo_status_t neo_call_wait(neo_call_t *call,
                           neo_view_t *reply,
                           size_t view_size,
                           int64_t timeout_ns,
                           neo_error_t *err);

/**
 * Gives a call up: threads that wait for it return with NEO_E_MISUSE. After its end it does
 * nothing.
 *
 * @return NEO_OK; NEO_E_FORKED, NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_call_cancel(neo_call_t *call);

/**
 * Adds a reference, for one more neo_call_release.
 *
 * @return NEO_OK; NEO_E_BAD_HANDLE, NEO_E_INVALID
 *
 * Any thread.
 */
NEO_API
neo_status_t neo_call_retain(neo_call_t *call);

/**
 * Gives one reference back, with the last one cancels the call; NULL does nothing. Any thread.
 */
NEO_API
void neo_call_release(neo_call_t *call);

/**
 * Makes a poller with a descriptor for an event loop: see neo_poller_fd.
 *
 * @param out  receives one reference, for neo_poller_release
 * @param err  receives what went wrong; may be NULL
 * @return NEO_OK; NEO_E_OS, NEO_E_UNSUPPORTED where there are no descriptors, NEO_E_INVALID
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_poller_open(neo_poller_t **out,
                             neo_error_t *err);

/**
 * Makes a poller that calls a function.
 *
 * @param wake       called at most once for each neo_poller_arm that returned NEO_OK
 * @param drop_ctx   called once, after the last wake, on any thread; may be NULL; not called if this
 *                   fails
 * @param ctx        passed to both
 * @param out        receives one reference, for neo_poller_release
 * @param err        receives what went wrong; may be NULL
 * @return NEO_OK; NEO_E_INVALID
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_poller_open_wake(neo_wake_fn wake,
                                  neo_drop_fn drop_ctx,
                                  void *ctx,
                                  neo_poller_t **out,
                                  neo_error_t *err);

/**
 * Watches a subscription, from now on. The poller does not keep it alive.
 *
 * @param poller  the poller
 * @param sub     what to watch; one poller at a time
 * @param token   what neo_poller_take is to call it
 * @param err     receives what went wrong; may be NULL
 * @return NEO_OK; NEO_E_MISUSE if the token is in use or another poller watches it; NEO_E_INVALID,
 *         NEO_E_FORKED, NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_poller_add_sub(neo_poller_t *poller,
                                neo_sub_t *sub,
                                uint64_t token,
                                neo_error_t *err);

/**
 * Watches a service worker, from now on. The poller does not keep it alive.
 *
 * @param poller  the poller
 * @param service what to watch; one poller at a time
 * @param token   what neo_poller_take is to call it
 * @param err     receives what went wrong; may be NULL
 * @return NEO_OK; NEO_E_MISUSE if the token is in use or another poller watches it; NEO_E_INVALID,
 *         NEO_E_FORKED, NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_poller_add_service(neo_poller_t *poller,
                                    neo_service_t *service,
                                    uint64_t token,
                                    neo_error_t *err);

/**
 * Watches a call that was started: its end makes it ready. The poller does not keep it alive.
 *
 * @param poller  the poller
 * @param call    what to watch; one poller at a time
 * @param token   what neo_poller_take is to call it
 * @param err     receives what went wrong; may be NULL
 * @return NEO_OK; NEO_E_MISUSE if the token is in use or another poller watches it; NEO_E_INVALID,
 *         NEO_E_FORKED, NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_poller_add_call(neo_poller_t *poller,
                                 neo_call_t *call,
                                 uint64_t token,
                                 neo_error_t *err);

/**
 * Watches for room. The poller does not keep it alive.
 *
 * @param poller  the poller
 * @param room    what to watch; one poller at a time
 * @param token   what neo_poller_take is to call it
 * @param err     receives what went wrong; may be NULL
 * @return NEO_OK; NEO_E_MISUSE if the token is in use or another poller watches it; NEO_E_INVALID,
 *         NEO_E_FORKED, NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_poller_add_room(neo_poller_t *poller,
                                 neo_room_t *room,
                                 uint64_t token,
                                 neo_error_t *err);

/**
 * Stops watching. Tokens of it that were not taken are forgotten.
 *
 * @param poller  the poller
 * @param token   what was added
 * @param err     receives what went wrong; may be NULL
 * @return NEO_OK; NEO_E_INVALID if there is no such token; NEO_E_FORKED, NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_poller_remove(neo_poller_t *poller,
                               uint64_t token,
                               neo_error_t *err);

/**
 * The descriptor: readable from the wake until neo_poller_arm. Borrowed: watch it, never read or
 * close it; dup it to keep it. -1 if the poller has none.
 *
 * Any thread.
 */
NEO_API
int32_t neo_poller_fd(const neo_poller_t *poller);

/**
 * Asks for one wake when something is ready.
 *
 * @param poller  the poller
 * @param err     receives what went wrong; may be NULL
 * @return NEO_OK: a wake will come; NEO_ALREADY_READY: take now, none will come; NEO_E_FORKED,
 *         NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_poller_arm(neo_poller_t *poller,
                            neo_error_t *err);

/**
 * Takes tokens of what is ready. Ready is a hint: another thread may have taken what was there. A
 * closed source is reported until it is removed or released.
 *
 * @param poller       the poller
 * @param tokens       receives them; those that find no place are taken next time
 * @param cap          how many at most
 * @param n            receives how many came
 * @param interrupted  receives 1 if neo_poller_interrupt was called since, else 0; may be NULL
 * @param err          receives what went wrong; may be NULL
 * @return NEO_OK; NEO_E_INVALID, NEO_E_FORKED, NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_poller_take(neo_poller_t *poller,
                             uint64_t *tokens,
                             size_t cap,
                             size_t *n,
                             uint8_t *interrupted,
                             neo_error_t *err);

/**
 * Wakes the host although nothing is ready.
 *
 * @param poller  the poller
 * @param err     receives what went wrong; may be NULL
 * @return NEO_OK; NEO_E_FORKED, NEO_E_BAD_HANDLE
 *
 * Any thread. Does not wait.
 */
NEO_API
neo_status_t neo_poller_interrupt(neo_poller_t *poller,
                                  neo_error_t *err);

/**
 * Arms and waits until something is ready: for threads without an event loop.
 *
 * @param poller      the poller
 * @param timeout_ns  how long to wait; 0 not at all, below 0 for ever
 * @param err         receives what went wrong; may be NULL
 * @return NEO_OK; NEO_AGAIN if the time passed; NEO_E_FORKED, NEO_E_BAD_HANDLE
 *
 * Any thread. Waits for `timeout_ns`.
 */
NEO_API
neo_status_t neo_poller_wait(neo_poller_t *poller,
                             int64_t timeout_ns,
                             neo_error_t *err);

/**
 * Adds a reference, for one more neo_poller_release.
 *
 * @return NEO_OK; NEO_E_BAD_HANDLE, NEO_E_INVALID
 *
 * Any thread.
 */
NEO_API
neo_status_t neo_poller_retain(neo_poller_t *poller);

/**
 * Gives one reference back; NULL does nothing. Any thread.
 */
NEO_API
void neo_poller_release(neo_poller_t *poller);

/**
 * The ABI of this library: `NEO_ABI_MAJOR << 16 | NEO_ABI_MINOR` of the header that it was built
 * with. Any thread.
 */
NEO_API
uint32_t neo_abi_version(void);

/**
 * Whether a program that was built with this version of the header can use this library: the same
 * major version, and no newer minor one. Call it once, with NEO_ABI_MAJOR and NEO_ABI_MINOR.
 *
 * @param err  receives both versions in words; may be NULL
 * @return NEO_OK; NEO_E_VERSION
 *
 * Any thread.
 */
NEO_API
neo_status_t neo_abi_check(uint32_t major,
                           uint32_t minor,
                           neo_error_t *err);

/**
 * The library's version, such as "0.1.0". Static text. Any thread.
 */
NEO_API
const char *neo_version(void);

/**
 * Live objects of a kind in this process, by which tests prove that nothing leaks.
 *
 * @param kind  a `NEO_LIVE_` number
 * @return how many; UINT64_MAX for a kind that this version does not know
 *
 * Any thread; exact while no other thread makes or releases one.
 */
NEO_API
uint64_t neo_debug_live(int32_t kind);

/**
 * The table of this library's functions. Static. Any thread.
 */
NEO_API
const neo_api_t *neo_api(void);

/**
 * The functions of a library image, for programs that find no exported symbols; each is called
 * as it is here without `neo_`. Check `struct_size` before using those that a later version added.
 */
struct neo_api_t {
    /** Bytes of this struct. */
    uint32_t struct_size;
    /** As neo_abi_version says. */
    uint32_t abi;
    uint32_t (*abi_version)(void);
    neo_status_t (*abi_check)(uint32_t major, uint32_t minor, neo_error_t *err);
    const char *(*version)(void);
    uint64_t (*debug_live)(int32_t kind);
    const char *(*status_name)(neo_status_t status);
    const char *(*status_str)(neo_status_t status);
    neo_status_t (*kernel_open)(neo_slice_t url, const neo_config_t *config, neo_kernel_t **out,
        neo_error_t *err);
    neo_status_t (*kernel_close)(neo_kernel_t *kernel);
    uint8_t (*kernel_is_closed)(const neo_kernel_t *kernel);
    neo_status_t (*kernel_url)(const neo_kernel_t *kernel, neo_slice_t *url);
    neo_status_t (*kernel_trim)(neo_kernel_t *kernel, uint64_t *freed, neo_error_t *err);
    neo_status_t (*kernel_retain)(neo_kernel_t *kernel);
    void (*kernel_release)(neo_kernel_t *kernel);
    neo_status_t (*kernel_counters)(neo_kernel_t *kernel, neo_counters_t **out, neo_error_t *err);
    neo_status_t (*counters_totals)(const neo_counters_t *counters, neo_totals_t *totals);
    neo_status_t (*counters_route)(const neo_counters_t *counters, size_t index, neo_route_t *route,
        size_t route_size);
    void (*counters_release)(neo_counters_t *counters);
    neo_status_t (*pub_open)(neo_kernel_t *kernel, neo_slice_t topic, const neo_pub_opts_t *opts,
        neo_pub_t **out, neo_error_t *err);
    neo_status_t (*publish)(neo_pub_t *pub, const void *data, size_t len,
        const neo_send_opts_t *opts, neo_publish_result_t *result, neo_error_t *err);
    neo_status_t (*publish_to)(neo_kernel_t *kernel, neo_slice_t topic, const void *data,
        size_t len, neo_publish_result_t *result, neo_error_t *err);
    neo_status_t (*publish_batch_flat)(neo_pub_t *pub, const void *data, size_t data_len,
        const uint32_t *lens, size_t n, neo_publish_result_t *result, neo_error_t *err);
    neo_status_t (*publish_batchv)(neo_pub_t *pub, const neo_slice_t *payloads, size_t n,
        neo_publish_result_t *result, neo_error_t *err);
    neo_status_t (*pub_topic)(const neo_pub_t *pub, neo_slice_t *topic);
    neo_status_t (*pub_retain)(neo_pub_t *pub);
    void (*pub_release)(neo_pub_t *pub);
    neo_status_t (*loan)(neo_pub_t *pub, size_t len, neo_loan_t **out, uint8_t **data,
        neo_error_t *err);
    neo_status_t (*loan_truncate)(neo_loan_t *loan, size_t len, neo_error_t *err);
    neo_status_t (*loan_commit)(neo_loan_t *loan, neo_publish_result_t *result, neo_error_t *err);
    void (*loan_abort)(neo_loan_t *loan);
    neo_status_t (*room_open)(neo_pub_t *pub, size_t len, neo_room_t **out, neo_error_t *err);
    neo_status_t (*room_wait)(neo_room_t *room, int64_t timeout_ns, neo_error_t *err);
    neo_status_t (*room_retain)(neo_room_t *room);
    void (*room_release)(neo_room_t *room);
    neo_status_t (*sub_open)(neo_kernel_t *kernel, neo_slice_t pattern, const neo_sub_opts_t *opts,
        neo_sub_t **out, neo_error_t *err);
    neo_status_t (*try_recv)(neo_sub_t *sub, neo_view_t *view, size_t view_size, neo_error_t *err);
    neo_status_t (*recv)(neo_sub_t *sub, neo_view_t *view, size_t view_size, int64_t timeout_ns,
        neo_error_t *err);
    neo_status_t (*recv_batch)(neo_sub_t *sub, neo_view_t *views, size_t view_size, size_t cap,
        size_t *n, int64_t timeout_ns, neo_error_t *err);
    neo_status_t (*borrow_batch)(neo_sub_t *sub, neo_view_t *views, size_t view_size, size_t cap,
        size_t *n, neo_batch_t **out, int64_t timeout_ns, neo_error_t *err);
    void (*batch_release)(neo_batch_t *batch);
    neo_status_t (*sub_take_lost)(neo_sub_t *sub, uint64_t *lost, neo_error_t *err);
    neo_status_t (*sub_queued)(neo_sub_t *sub, uint64_t *queued, neo_error_t *err);
    neo_status_t (*sub_pattern)(const neo_sub_t *sub, neo_slice_t *pattern);
    neo_status_t (*sub_close)(neo_sub_t *sub);
    neo_status_t (*sub_retain)(neo_sub_t *sub);
    void (*sub_release)(neo_sub_t *sub);
    neo_status_t (*msg_view)(neo_msg_t *msg, neo_view_t *view, size_t view_size);
    neo_status_t (*msg_header)(const neo_msg_t *msg, size_t index, neo_slice_t *key,
        neo_slice_t *value, neo_error_t *err);
    neo_status_t (*msg_retain)(neo_msg_t *msg);
    void (*msg_release)(neo_msg_t *msg);
    void (*msg_release_batch)(neo_view_t *views, size_t view_size, size_t n);
    neo_status_t (*service_open)(neo_kernel_t *kernel, neo_slice_t name,
        const neo_service_opts_t *opts, neo_service_t **out, neo_error_t *err);
    neo_status_t (*service_recv)(neo_service_t *service, neo_request_t **out, int64_t timeout_ns,
        neo_error_t *err);
    neo_status_t (*service_name)(const neo_service_t *service, neo_slice_t *name);
    neo_status_t (*service_close)(neo_service_t *service);
    neo_status_t (*service_retain)(neo_service_t *service);
    void (*service_release)(neo_service_t *service);
    neo_status_t (*request_view)(const neo_request_t *request, neo_request_view_t *view,
        size_t view_size);
    neo_status_t (*reply)(neo_request_t *request, const void *data, size_t len, neo_error_t *err);
    neo_status_t (*reply_error)(neo_request_t *request, neo_slice_t text, neo_error_t *err);
    neo_status_t (*request_retain)(neo_request_t *request);
    void (*request_release)(neo_request_t *request);
    neo_status_t (*call)(neo_kernel_t *kernel, neo_slice_t service, neo_slice_t method,
        const void *data, size_t len, const neo_call_opts_t *opts, neo_view_t *reply,
        size_t view_size, neo_error_t *err);
    neo_status_t (*call_start)(neo_kernel_t *kernel, neo_slice_t service, neo_slice_t method,
        const void *data, size_t len, neo_call_t **out, neo_error_t *err);
    neo_status_t (*call_wait)(neo_call_t *call, neo_view_t *reply, size_t view_size,
        int64_t timeout_ns, neo_error_t *err);
    neo_status_t (*call_cancel)(neo_call_t *call);
    neo_status_t (*call_retain)(neo_call_t *call);
    void (*call_release)(neo_call_t *call);
    neo_status_t (*poller_open)(neo_poller_t **out, neo_error_t *err);
    neo_status_t (*poller_open_wake)(neo_wake_fn wake, neo_drop_fn drop_ctx, void *ctx,
        neo_poller_t **out, neo_error_t *err);
    neo_status_t (*poller_add_sub)(neo_poller_t *poller, neo_sub_t *sub, uint64_t token,
        neo_error_t *err);
    neo_status_t (*poller_add_service)(neo_poller_t *poller, neo_service_t *service, uint64_t token,
        neo_error_t *err);
    neo_status_t (*poller_add_call)(neo_poller_t *poller, neo_call_t *call, uint64_t token,
        neo_error_t *err);
    neo_status_t (*poller_add_room)(neo_poller_t *poller, neo_room_t *room, uint64_t token,
        neo_error_t *err);
    neo_status_t (*poller_remove)(neo_poller_t *poller, uint64_t token, neo_error_t *err);
    int32_t (*poller_fd)(const neo_poller_t *poller);
    neo_status_t (*poller_arm)(neo_poller_t *poller, neo_error_t *err);
    neo_status_t (*poller_take)(neo_poller_t *poller, uint64_t *tokens, size_t cap, size_t *n,
        uint8_t *interrupted, neo_error_t *err);
    neo_status_t (*poller_interrupt)(neo_poller_t *poller, neo_error_t *err);
    neo_status_t (*poller_wait)(neo_poller_t *poller, int64_t timeout_ns, neo_error_t *err);
    neo_status_t (*poller_retain)(neo_poller_t *poller);
    void (*poller_release)(neo_poller_t *poller);
    neo_status_t (*kernel_maintain)(neo_kernel_t *kernel, neo_reclaimed_t *reclaimed,
        neo_error_t *err);
    int32_t (*kernel_maintain_fd)(const neo_kernel_t *kernel);
    neo_status_t (*recv_batch_into)(neo_sub_t *sub, uint8_t *space, size_t space_len,
        neo_view_t *views, size_t view_size, size_t cap, size_t *n, int64_t timeout_ns,
        neo_error_t *err);
    neo_status_t (*msg_traceparent)(const neo_msg_t *msg, char *text, size_t size,
        neo_error_t *err);
    neo_status_t (*request_data)(const neo_request_t *request, neo_slice_t *data);
};

/** A neo_config_t that says nothing: the defaults. */
#define NEO_CONFIG_INIT                                                             \
    {(uint32_t)sizeof(neo_config_t), NEO_DEFAULT32, NEO_DEFAULT32, NEO_DEFAULT32, \
     NEO_DEFAULT64, NEO_DEFAULT_NS, 0, 0, {0, 0, 0, 0, 0, 0}}
/** A neo_pub_opts_t that says nothing. */
#define NEO_PUB_OPTS_INIT \
    {(uint32_t)sizeof(neo_pub_opts_t), 0, {0, 0, 0}, 0, NULL, 0, {NULL, 0}}
/** A neo_send_opts_t that says nothing. */
#define NEO_SEND_OPTS_INIT {(uint32_t)sizeof(neo_send_opts_t), 0, 0}
/** A neo_sub_opts_t that says nothing. */
#define NEO_SUB_OPTS_INIT                                                                \
    {(uint32_t)sizeof(neo_sub_opts_t), NEO_DEFAULT32, NEO_POLICY_DEFAULT,              \
     NEO_WAIT_ADAPTIVE, NEO_DEFAULT64, NEO_DEFAULT64, {NULL, 0}}
/** A neo_service_opts_t that says nothing. */
#define NEO_SERVICE_OPTS_INIT \
    {(uint32_t)sizeof(neo_service_opts_t), NEO_DEFAULT32, NEO_WAIT_ADAPTIVE, 0}
/** A neo_call_opts_t that says nothing. */
#define NEO_CALL_OPTS_INIT {(uint32_t)sizeof(neo_call_opts_t), 0, NEO_DEFAULT_NS}
/** A place for a result. */
#define NEO_PUBLISH_RESULT_INIT {(uint32_t)sizeof(neo_publish_result_t), 0, 0, 0, 0}
/** A place for counters. */
#define NEO_TOTALS_INIT {(uint32_t)sizeof(neo_totals_t), 0, 0, 0, 0, 0, 0}
/** A place for what a maintenance restored. */
#define NEO_RECLAIMED_INIT {(uint32_t)sizeof(neo_reclaimed_t), 0, 0, 0, 0, 0}
/** A place for an error. */
#define NEO_ERROR_INIT {(uint32_t)sizeof(neo_error_t), 0, 0, 0, {0}}

/** Bytes, as a slice. */
static inline neo_slice_t neo_slice(const void *data, size_t len)
{
    neo_slice_t slice;
    slice.data = (const uint8_t *)data;
    slice.len = len;
    return slice;
}

/** Text that ends in NUL, as a slice. */
static inline neo_slice_t neo_str(const char *text)
{
    return neo_slice(text, strlen(text));
}

#ifdef __cplusplus
}
#endif

#endif /* NEO_H */
