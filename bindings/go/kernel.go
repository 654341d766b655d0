package neo

// #include "shim.h"
import "C"

import (
	"io"
	"runtime"
	"time"
)

// callTimeoutDefault is how long a call waits if neither the kernel nor the context says.
const callTimeoutDefault = 5 * time.Second

// Kernel is a messaging kernel: what a URL names. All its methods may be called from any goroutine at
// any time.
type Kernel struct {
	handle      *handle
	cleanup     runtime.Cleanup
	url         string
	callTimeout time.Duration
	waiters     *waiters
}

var _ io.Closer = (*Kernel)(nil)

func init() {
	var err C.neo_error_t
	err.struct_size = C.sizeof_neo_error_t
	if status := C.neo_abi_check(C.NEO_ABI_MAJOR, C.NEO_ABI_MINOR, &err); status != C.NEO_OK {
		panic(failure("load the library", status, &err))
	}
}

// Open opens the kernel that url names: mem:// is private to this Kernel, mem://NAME is shared by
// every Open of that name in this process, shm://NAME by all processes of this user on this host. It
// does not wait.
//
// Errors: ErrInvalid for a bad URL or option, ErrUnsupported, ErrFull, ErrOS.
func Open(url string, options ...Option) (*Kernel, error) { return open(url, 0, options) }

// OpenFromEnv opens the kernel that the environment variable NEO_URL names, else mem://default.
//
// Errors as Open.
func OpenFromEnv(options ...Option) (*Kernel, error) { return open("", 1, options) }

func open(url string, fromEnv C.uint8_t, options []Option) (*Kernel, error) {
	op := "open " + url
	o := openOptions{config: C.neo_go_config(), callTimeout: callTimeoutDefault}
	for _, option := range options {
		if err := option.applyOpen(op, &o); err != nil {
			return nil, err
		}
	}
	o.config.call_timeout_ns = C.int64_t(o.callTimeout)
	var (
		raw C.uintptr_t
		err C.neo_error_t
	)
	status := C.neo_go_open(letters(url), C.size_t(len(url)), fromEnv, &o.config, &raw, &err)
	if status != C.NEO_OK {
		return nil, failure(op, status, &err)
	}
	waiters := new(waiters)
	k := &Kernel{
		handle:      &handle{raw: raw, kind: C.NEO_GO_KERNEL_HANDLE, free: waiters.close},
		url:         url,
		callTimeout: o.callTimeout,
		waiters:     waiters,
	}
	k.cleanup = runtime.AddCleanup(k, (*handle).abandon, k.handle)
	return k, nil
}

// URL is what it was opened with; empty if the environment named it.
func (k *Kernel) URL() string { return k.url }

// Close closes the kernel and all that was made of it: whoever waits returns with ErrClosed, what is
// queued can still be received, what was received stays valid. Closing twice does nothing.
//
// A Kernel that is collected without Close leaves what was made of it open.
func (k *Kernel) Close() error {
	k.cleanup.Stop()
	k.handle.close()
	return nil
}

// Closed reports whether Close was called.
func (k *Kernel) Closed() bool { return k.handle.isClosed() }

// use keeps the kernel alive until its handle is unused.
func (k *Kernel) use(op string) error {
	if !k.handle.use() {
		return fail(ErrClosed, op, "the kernel is closed")
	}
	return nil
}

// Trim gives memory that nothing uses back to the system, and says how many bytes.
func (k *Kernel) Trim() (int64, error) {
	const op = "trim"
	if err := k.use(op); err != nil {
		return 0, err
	}
	defer k.handle.unuse()
	var (
		freed C.uint64_t
		err   C.neo_error_t
	)
	if status := C.neo_go_trim(k.handle.raw, &freed, &err); status != C.NEO_OK {
		return 0, failure(op, status, &err)
	}
	return int64(freed), nil
}

// Reclaimed is what Maintain restored.
type Reclaimed struct {
	// Participants are processes that were dead.
	Participants uint64
	// Routes are subscriptions, groups and services that were closed.
	Routes uint64
	// Claims are messages that were begun and not sent; each counts as lost.
	Claims uint64
	// Blocks are pieces of memory that nothing referred to any more.
	Blocks uint64
}

// Maintain puts right what dead processes left at a kernel of shm://. Needed only with WithoutThread:
// call it whenever MaintainFD is readable. It does not wait for other processes' work; for at most two
// seconds for one that was stopped while it opened or left the kernel.
func (k *Kernel) Maintain() (Reclaimed, error) {
	const op = "maintain"
	if err := k.use(op); err != nil {
		return Reclaimed{}, err
	}
	defer k.handle.unuse()
	var (
		reclaimed C.neo_reclaimed_t
		err       C.neo_error_t
	)
	if status := C.neo_go_maintain(k.handle.raw, &reclaimed, &err); status != C.NEO_OK {
		return Reclaimed{}, failure(op, status, &err)
	}
	return Reclaimed{
		Participants: uint64(reclaimed.participants),
		Routes:       uint64(reclaimed.routes),
		Claims:       uint64(reclaimed.claims),
		Blocks:       uint64(reclaimed.blocks),
	}, nil
}

// MaintainFD is a descriptor that is readable while there is something for Maintain to do: watch it,
// never read or close it. It is -1 for a kernel of one process, and after Close.
func (k *Kernel) MaintainFD() int {
	if !k.handle.use() {
		return -1
	}
	defer k.handle.unuse()
	return int(C.neo_go_maintain_fd(k.handle.raw))
}

// Counters is a snapshot of what a kernel has counted.
type Counters struct {
	// Routes are the subscriptions, groups and services.
	Routes []Route
	// LateReplies came after their callers had given up.
	LateReplies uint64
	// ExpiredRequests were passed over because their callers had given up.
	ExpiredRequests uint64
	// MemoryBytes of payload memory are in use, CommittedBytes are backed by the system.
	MemoryBytes, CommittedBytes uint64
}

// Route counts the messages of one subscription, group or service.
type Route struct {
	// Pattern is its pattern, or the service's name.
	Pattern string
	// Group is its group; empty if it is none.
	Group string
	// Policy is what happens when it is full.
	Policy Policy
	// Depth is how many messages it holds at most.
	Depth uint64
	// Accepted messages entered the mailbox, Delivered ones were received.
	Accepted, Delivered uint64
	// Lost messages were refused, evicted, replaced, or died with their publishers.
	Lost uint64
	// TimedOut messages waited for room until their publishers gave up.
	TimedOut uint64
	// Queued messages are in the mailbox.
	Queued uint64
}

// Counters takes a snapshot.
func (k *Kernel) Counters() (*Counters, error) {
	const op = "counters"
	if err := k.use(op); err != nil {
		return nil, err
	}
	defer k.handle.unuse()
	var (
		snapshot *C.neo_counters_t
		totals   C.neo_totals_t
		err      C.neo_error_t
	)
	status := C.neo_go_counters(k.handle.raw, &snapshot, &totals, &err)
	defer C.neo_counters_release(snapshot)
	if status != C.NEO_OK {
		return nil, failure(op, status, &err)
	}
	counters := &Counters{
		LateReplies:     uint64(totals.late_replies),
		ExpiredRequests: uint64(totals.expired_requests),
		MemoryBytes:     uint64(totals.memory_bytes),
		CommittedBytes:  uint64(totals.committed_bytes),
	}
	for i := range C.size_t(totals.routes) {
		var route C.neo_route_t
		if status := C.neo_go_route(snapshot, i, &route); status != C.NEO_OK {
			return nil, failure(op, status, nil)
		}
		counters.Routes = append(counters.Routes, Route{
			Pattern:   textOf(route.pattern),
			Group:     textOf(route.group),
			Policy:    Policy(route.policy),
			Depth:     uint64(route.depth),
			Accepted:  uint64(route.accepted),
			Delivered: uint64(route.delivered),
			Lost:      uint64(route.lost),
			TimedOut:  uint64(route.timed_out),
			Queued:    uint64(route.queued),
		})
	}
	return counters, nil
}
