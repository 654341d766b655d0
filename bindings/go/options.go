package neo

// #include "shim.h"
import "C"

import (
	"fmt"
	"math"
	"time"
)

// Forever is a duration that never passes.
const Forever time.Duration = -1

// Option is an option of Open.
type Option interface {
	applyOpen(op string, o *openOptions) error
}

// SubscribeOption is an option of Kernel.Subscribe.
type SubscribeOption interface {
	applySubscribe(op string, o *subscribeOptions) error
}

// PublisherOption is an option of Kernel.Publisher.
type PublisherOption interface{ applyPublisher(o *publisherOptions) }

// ServiceOption is an option of Kernel.Serve and Kernel.Service.
type ServiceOption interface {
	applyService(op string, o *serviceOptions) error
}

// ReceiveOption is an option of Kernel.Subscribe, Kernel.Serve and Kernel.Service.
type ReceiveOption interface {
	SubscribeOption
	ServiceOption
}

type openOptions struct {
	config      C.neo_config_t
	callTimeout time.Duration
}

type subscribeOptions struct {
	opts  C.neo_sub_opts_t
	group *string
	wait  Wait
}

type publisherOptions struct {
	sendTimeout time.Duration
	stampTime   bool
	headers     []Header
	traceparent string
}

type serviceOptions struct {
	depth       C.uint32_t
	wait        Wait
	concurrency int
	onPanic     func(Panic)
}

// count is an option of 32 bits. What is beyond them is refused as the largest is.
func count(op, name string, value int) (C.uint32_t, error) {
	if value < 0 {
		return 0, fail(ErrInvalid, op, fmt.Sprintf("%s is %d: pass 0 or more", name, value))
	}
	// The largest number stands for the default.
	return C.uint32_t(min(value, math.MaxUint32-1)), nil
}

func size(op, name string, value int64) (C.uint64_t, error) {
	if value < 0 {
		return 0, fail(ErrInvalid, op, fmt.Sprintf("%s is %d bytes: pass 0 or more", name, value))
	}
	return C.uint64_t(value), nil
}

type openOption func(op string, o *openOptions) error

func (f openOption) applyOpen(op string, o *openOptions) error { return f(op, o) }

// WithMemory limits the payload memory of the kernel, in bytes; 256 MiB by default.
func WithMemory(bytes int64) Option {
	return openOption(func(op string, o *openOptions) (err error) {
		o.config.memory_bytes_max, err = size(op, "the memory", bytes)
		return err
	})
}

// WithSubscriptions limits the subscriptions, groups and services that are open at a time; 131,072 by
// default.
func WithSubscriptions(max int) Option {
	return openOption(func(op string, o *openOptions) (err error) {
		o.config.subscriptions_max, err = count(op, "the number of subscriptions", max)
		return err
	})
}

// WithParticipants limits the opens of one name at a time; 64 by default.
func WithParticipants(max int) Option {
	return openOption(func(op string, o *openOptions) (err error) {
		o.config.participants_max, err = count(op, "the number of participants", max)
		return err
	})
}

// WithCallsInFlight limits the calls that wait for an answer at a time; 1,024 by default.
func WithCallsInFlight(max int) Option {
	return openOption(func(op string, o *openOptions) (err error) {
		o.config.calls_in_flight_max, err = count(op, "the number of calls", max)
		return err
	})
}

// WithCallTimeout is how long a call waits for its answer if its context has no earlier deadline; 5
// seconds by default. Forever leaves it to the context.
func WithCallTimeout(timeout time.Duration) Option {
	return openOption(func(_ string, o *openOptions) error {
		o.callTimeout = timeout
		return nil
	})
}

// WithoutThread starts no thread. A kernel of shm:// starts one otherwise, which sleeps until another
// process dies, or wakes a goroutine of this one; without it call Kernel.Maintain.
func WithoutThread() Option {
	return openOption(func(_ string, o *openOptions) error {
		o.config.without_thread = 1
		return nil
	})
}

// WithExistingOnly opens a name only if somebody has it open, with the limits that it has;
// ErrNotFound otherwise.
func WithExistingOnly() Option {
	return openOption(func(_ string, o *openOptions) error {
		o.config.existing_only = 1
		return nil
	})
}

type subscribeOption func(op string, o *subscribeOptions) error

func (f subscribeOption) applySubscribe(op string, o *subscribeOptions) error { return f(op, o) }

type depth int

func (d depth) applySubscribe(op string, o *subscribeOptions) (err error) {
	o.opts.depth, err = count(op, "the depth", int(d))
	return err
}

func (d depth) applyService(op string, o *serviceOptions) (err error) {
	o.depth, err = count(op, "the depth", int(d))
	return err
}

// WithDepth is how many messages or requests may wait, 1 to 65,536; 1,024 by default. With Latest it
// counts topics.
func WithDepth(messages int) ReceiveOption { return depth(messages) }

func (w Wait) applySubscribe(_ string, o *subscribeOptions) error {
	o.wait = w
	return nil
}

func (w Wait) applyService(_ string, o *serviceOptions) error {
	o.wait = w
	return nil
}

// WithWait is how its receivers wait; WaitAdaptive by default.
func WithWait(wait Wait) ReceiveOption { return wait }

// WithPolicy is what happens when the subscription is full.
func WithPolicy(policy Policy) SubscribeOption {
	return subscribeOption(func(_ string, o *subscribeOptions) error {
		o.opts.policy = C.int32_t(policy)
		return nil
	})
}

// WithGroup joins a queue group: each message goes to one of its members.
func WithGroup(name string) SubscribeOption {
	return subscribeOption(func(_ string, o *subscribeOptions) error {
		o.group = &name
		return nil
	})
}

// WithMailboxBytes limits the bytes that wait in messages of more than 256 bytes; 1 MiB by default.
func WithMailboxBytes(max int64) SubscribeOption {
	return subscribeOption(func(op string, o *subscribeOptions) (err error) {
		o.opts.mailbox_bytes_max, err = size(op, "the mailbox", max)
		return err
	})
}

// WithPinnedBytes limits the bytes of such messages that Views keep without a copy; 64 MiB by default.
func WithPinnedBytes(max int64) SubscribeOption {
	return subscribeOption(func(op string, o *subscribeOptions) (err error) {
		o.opts.pinned_bytes_max, err = size(op, "what may be pinned", max)
		return err
	})
}

type publisherOption func(o *publisherOptions)

func (f publisherOption) applyPublisher(o *publisherOptions) { f(o) }

// WithSendTimeout is how long one publish may wait for room at full subscriptions with Block, if its
// context does not end before; not at all by default. Forever leaves it to the context.
func WithSendTimeout(timeout time.Duration) PublisherOption {
	return publisherOption(func(o *publisherOptions) { o.sendTimeout = timeout })
}

// WithTimestamps lets each message carry the wall clock of its sending.
func WithTimestamps() PublisherOption {
	return publisherOption(func(o *publisherOptions) { o.stampTime = true })
}

type serviceOption func(op string, o *serviceOptions) error

func (f serviceOption) applyService(op string, o *serviceOptions) error { return f(op, o) }

// WithConcurrency is how many goroutines of Serve run the handler; one by default.
func WithConcurrency(goroutines int) ServiceOption {
	return serviceOption(func(op string, o *serviceOptions) error {
		if goroutines < 1 {
			text := fmt.Sprintf("the concurrency is %d: pass 1 or more", goroutines)
			return fail(ErrInvalid, op, text)
		}
		o.concurrency = goroutines
		return nil
	})
}

// WithPanicHook is told of panics in the handler of Serve, which its callers get as an error.
func WithPanicHook(hook func(Panic)) ServiceOption {
	return serviceOption(func(_ string, o *serviceOptions) error {
		o.onPanic = hook
		return nil
	})
}
