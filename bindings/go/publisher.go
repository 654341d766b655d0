package neo

// #include "shim.h"
import "C"

import (
	"context"
	"io"
	"runtime"
	"sync"
	"time"
)

// Published is what became of what was published, added up over mailboxes.
type Published struct {
	// Messages were published, from the first on.
	Messages uint64
	// Accepted counts mailboxes that took a message.
	Accepted uint32
	// Dropped counts messages that a mailbox refused, and older ones that made room.
	Dropped uint32
	// TimedOut counts mailboxes with Block that had no room.
	TimedOut uint32
}

func publishedOf(result *C.neo_publish_result_t) Published {
	return Published{
		Messages: uint64(result.messages),
		Accepted: uint32(result.accepted),
		Dropped:  uint32(result.dropped),
		TimedOut: uint32(result.timed_out),
	}
}

func (p *Published) add(next Published) {
	p.Messages += next.Messages
	p.Accepted += next.Accepted
	p.Dropped += next.Dropped
	p.TimedOut += next.TimedOut
}

// Publish publishes one message to a topic by name; it does not wait for room. A Publisher is faster.
//
// Errors: ErrFull if no mailbox took it and one had no room, or the memory is used up; ErrTooLarge,
// ErrInvalid, ErrClosed; the context's, if it ended before.
func (k *Kernel) Publish(ctx context.Context, topic string, data []byte) (Published, error) {
	if ctx.Err() != nil {
		return Published{}, done("publish "+topic, ctx)
	}
	if !k.handle.use() {
		return Published{}, fail(ErrClosed, "publish "+topic, "the kernel is closed")
	}
	defer k.handle.unuse()
	var (
		result C.neo_publish_result_t
		err    C.neo_error_t
	)
	status := C.neo_go_publish_to(k.handle.raw, letters(topic), C.size_t(len(topic)),
		address(data), C.size_t(len(data)), &result, &err)
	if status != C.NEO_OK {
		return Published{}, failure("publish "+topic, status, &err)
	}
	return publishedOf(&result), nil
}

// Publisher is a topic made ready for publishing. All its methods may be called from any goroutine at
// any time.
type Publisher struct {
	handle      *handle
	cleanup     runtime.Cleanup
	waiters     *waiters
	topic       string
	sendTimeout time.Duration
}

var _ io.Closer = (*Publisher)(nil)

// Publisher makes a topic ready for publishing. It does not wait.
//
// Errors: ErrInvalid for a bad topic or bad headers, ErrClosed.
func (k *Kernel) Publisher(topic string, options ...PublisherOption) (*Publisher, error) {
	op := "publisher " + topic
	var o publisherOptions
	for _, option := range options {
		option.applyPublisher(&o)
	}
	if err := k.use(op); err != nil {
		return nil, err
	}
	defer k.handle.unuse()
	stamp := C.uint8_t(0)
	if o.stampTime {
		stamp = 1
	}
	var (
		raw C.uintptr_t
		err C.neo_error_t
	)
	headers := laidOut(o.headers)
	status := C.neo_go_pub_open(k.handle.raw, letters(topic), C.size_t(len(topic)), stamp,
		address(headers), C.size_t(len(o.headers)), letters(o.traceparent),
		C.size_t(len(o.traceparent)), &raw, &err)
	if status != C.NEO_OK {
		return nil, failure(op, status, &err)
	}
	p := &Publisher{
		handle:      &handle{raw: raw, kind: C.NEO_GO_PUB_HANDLE},
		waiters:     k.waiters,
		topic:       topic,
		sendTimeout: o.sendTimeout,
	}
	p.cleanup = backstop(p, p.handle)
	return p, nil
}

// Topic is what it publishes to.
func (p *Publisher) Topic() string { return p.topic }

// Close gives the publisher back. Closing twice does nothing.
func (p *Publisher) Close() error {
	p.cleanup.Stop()
	p.handle.close()
	return nil
}

func (p *Publisher) op() string { return "publish " + p.topic }

func (p *Publisher) closed() error { return fail(ErrClosed, p.op(), "the publisher is closed") }

// Publish publishes one message: data is copied once, into the kernel's memory. It waits for room only
// if the publisher has a send timeout, and then no longer than ctx lasts.
//
// Errors: ErrFull if no mailbox took it and one had no room, or the memory is used up; ErrTooLarge,
// ErrClosed; the context's, if it ended before the message was published.
func (p *Publisher) Publish(ctx context.Context, data []byte) (Published, error) {
	if ctx.Err() != nil {
		return Published{}, done(p.op(), ctx)
	}
	if !p.handle.use() {
		return Published{}, p.closed()
	}
	defer p.handle.unuse()
	if p.sendTimeout != 0 {
		return p.publishPatiently(ctx, len(data), func() (Published, error) {
			return p.publish(data)
		})
	}
	return p.publish(data)
}

// publish is one try. The caller uses the handle.
func (p *Publisher) publish(data []byte) (Published, error) {
	var (
		result C.neo_publish_result_t
		err    C.neo_error_t
	)
	status := C.neo_go_publish(p.handle.raw, address(data), C.size_t(len(data)), &result, &err)
	if status != C.NEO_OK {
		return Published{}, failure(p.op(), status, &err)
	}
	return publishedOf(&result), nil
}

const (
	// flatBytes is how much is gathered for one call of C; larger payloads go by themselves.
	flatBytes = 64 << 10
	// flatMax is how many payloads are.
	flatMax = 1024
)

// flat is a run of payloads, one behind the other.
type flat struct {
	data []byte
	lens []C.uint32_t
}

var flats = sync.Pool{New: func() any {
	return &flat{data: make([]byte, 0, flatBytes), lens: make([]C.uint32_t, 0, flatMax)}
}}

// PublishBatch publishes each payload as a message of its own, in order, with one call and one wake for
// many. If one of them meets an error, those before it are published, and the result says how many.
// It waits for room as Publish does.
//
// Errors as Publish.
func (p *Publisher) PublishBatch(ctx context.Context, payloads [][]byte) (Published, error) {
	var sum Published
	if ctx.Err() != nil {
		return sum, done(p.op(), ctx)
	}
	if !p.handle.use() {
		return sum, p.closed()
	}
	defer p.handle.unuse()
	f := flats.Get().(*flat)
	defer flats.Put(f)
	for len(payloads) > 0 {
		run := 1
		if p.sendTimeout == 0 {
			run = max(run, f.gather(payloads))
		}
		var next Published
		var err error
		if run == 1 {
			next, err = p.Publish(ctx, payloads[0])
		} else {
			next, err = p.publishFlat(f)
		}
		sum.add(next)
		if err != nil {
			return sum, err
		}
		payloads = payloads[run:]
	}
	return sum, nil
}

// gather copies payloads from the first on, as many as fit, and says how many.
func (f *flat) gather(payloads [][]byte) int {
	f.data, f.lens = f.data[:0], f.lens[:0]
	for _, payload := range payloads {
		if len(payload) > flatBytes-len(f.data) || len(f.lens) == flatMax {
			break
		}
		f.data = append(f.data, payload...)
		f.lens = append(f.lens, C.uint32_t(len(payload)))
	}
	return len(f.lens)
}

func (p *Publisher) publishFlat(f *flat) (Published, error) {
	var (
		result C.neo_publish_result_t
		err    C.neo_error_t
	)
	status := C.neo_go_publish_flat(p.handle.raw, address(f.data), C.size_t(len(f.data)),
		&f.lens[0], C.size_t(len(f.lens)), &result, &err)
	if status != C.NEO_OK {
		return publishedOf(&result), failure(p.op(), status, &err)
	}
	return publishedOf(&result), nil
}
