package neo

// #include "shim.h"
import "C"

import (
	"context"
	"io"
	"iter"
	"runtime"
	"sync"
	"sync/atomic"
)

// Policy is what happens to a message that a full subscription has no room for.
type Policy int32

// The policies.
const (
	// DropOldest lets the oldest message make room. It is the default.
	DropOldest Policy = C.NEO_POLICY_DROP_OLDEST
	// DropNewest drops the new message.
	DropNewest Policy = C.NEO_POLICY_DROP_NEWEST
	// Latest keeps only the newest message of each topic.
	Latest Policy = C.NEO_POLICY_LATEST
	// Block lets the publisher wait, for at most its send timeout. It is the default of a group.
	Block Policy = C.NEO_POLICY_BLOCK
	// Detach closes the subscription: its reader gets what is queued, then ErrDetached.
	Detach Policy = C.NEO_POLICY_DETACH
)

// Subscription is the receiving end of a pattern. All its methods may be called from any goroutine at
// any time; a message goes to one of those that wait for it.
type Subscription struct {
	source  *source
	cleanup runtime.Cleanup
	pattern string
	// topic is that of the last message.
	topic atomic.Pointer[string]
	// returned holds messages that were taken and could not be handed on; they come first.
	returned returned
}

var _ io.Closer = (*Subscription)(nil)

// returned is a queue that is empty nearly always.
type returned struct {
	some  atomic.Bool
	mutex sync.Mutex
	queue []*Message
}

func (r *returned) put(message *Message) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.queue = append(r.queue, message)
	r.some.Store(true)
}

func (r *returned) take() *Message {
	if !r.some.Load() {
		return nil
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if len(r.queue) == 0 {
		return nil
	}
	message := r.queue[0]
	r.queue = r.queue[1:]
	r.some.Store(len(r.queue) > 0)
	return message
}

// Subscribe opens a subscription. In the pattern `*` stands for one word, and `>` at the end for all
// that follow. A publish that starts after it returned is delivered. It does not wait.
//
// Errors: ErrInvalid for a bad pattern or option, ErrFull if there are too many, ErrClosed.
func (k *Kernel) Subscribe(pattern string, options ...SubscribeOption) (*Subscription, error) {
	op := "subscribe " + pattern
	o := subscribeOptions{opts: C.neo_go_sub_opts()}
	for _, option := range options {
		if err := option.applySubscribe(op, &o); err != nil {
			return nil, err
		}
	}
	if err := k.use(op); err != nil {
		return nil, err
	}
	defer k.handle.unuse()
	var (
		raw     C.uintptr_t
		err     C.neo_error_t
		group   string
		inGroup C.uint8_t
	)
	if o.group != nil {
		group, inGroup = *o.group, 1
	}
	status := C.neo_go_sub_open(k.handle.raw, letters(pattern), C.size_t(len(pattern)), inGroup,
		letters(group), C.size_t(len(group)), &o.opts, &raw, &err)
	if status != C.NEO_OK {
		return nil, failure(op, status, &err)
	}
	s := &Subscription{source: new(source), pattern: pattern}
	s.source.open(raw, C.NEO_GO_SUB_HANDLE, C.NEO_GO_SUB, o.wait, "recv "+pattern)
	s.cleanup = backstop(s, &s.source.handle)
	return s, nil
}

// Pattern is what it was opened with.
func (s *Subscription) Pattern() string { return s.pattern }

// Close unsubscribes: nothing arrives any more, what is queued is given up, and whoever waits returns
// with ErrClosed. Messages that were received stay valid. Closing twice does nothing.
func (s *Subscription) Close() error {
	s.cleanup.Stop()
	s.source.close()
	return nil
}

// Recv receives the next message and waits for it until ctx ends. If ctx ends it, no message was
// taken.
//
// Errors: ErrClosed or ErrDetached once nothing is left and nothing will come; the context's.
func (s *Subscription) Recv(ctx context.Context) (*Message, error) {
	if ctx.Err() != nil {
		return nil, done(s.op("recv"), ctx)
	}
	message, err := s.TryRecv()
	if message != nil || err != nil {
		return message, err
	}
	err = s.await(ctx, lookForMessage, func(w *waiter) { message = s.own(&w.item, w.space[:]) })
	return message, err
}

// await waits until look has found something, and has take make it Go's.
func (s *Subscription) await(ctx context.Context, look look, take func(w *waiter)) error {
	if !s.source.use() {
		return s.closed("recv")
	}
	defer s.source.unuse()
	w, err := s.source.enter(ctx)
	if err != nil {
		return err
	}
	defer s.source.leave()
	if err := s.source.await(ctx, look); err != nil {
		return err
	}
	take(w)
	return nil
}

func lookForMessage(w *waiter, poller C.uintptr_t) C.int32_t {
	return C.neo_go_recv(w.target, poller, address(w.space[:]), recvSpace, &w.item, 1, &w.n, &w.err)
}

// TryRecv receives the next message if one is there; nil if none is. It does not wait.
func (s *Subscription) TryRecv() (*Message, error) {
	if message := s.returned.take(); message != nil {
		return message, nil
	}
	if !s.source.use() {
		return nil, s.closed("recv")
	}
	defer s.source.unuse()
	var (
		space [recvSpace]byte
		item  C.neo_go_item_t
		n     C.size_t
		err   C.neo_error_t
	)
	status := C.neo_go_recv(s.source.raw, 0, address(space[:]), recvSpace, &item, 1, &n, &err)
	if status == C.NEO_OK {
		return s.own(&item, space[:]), nil
	}
	if status == C.NEO_AGAIN {
		return nil, nil
	}
	return nil, failure(s.op("recv"), status, &err)
}

// own makes a message of an item whose bytes stand in space, or in memory that is given back.
func (s *Subscription) own(item *C.neo_go_item_t, space []byte) *Message {
	message := &Message{
		Seq:         uint64(item.seq),
		LostBefore:  uint64(item.lost_before),
		timestampNs: int64(item.timestamp_ns),
	}
	if item.msg == 0 {
		message.Topic = intern(&s.topic, space[item.topic:item.topic+item.topic_len])
		message.Data = append([]byte{}, space[item.data:item.data+item.data_len]...)
		return message
	}
	message.Topic = intern(&s.topic, foreign(&item.topic, item.topic_len))
	message.Data = append([]byte{}, foreign(&item.data, item.data_len)...)
	message.Headers, message.Traceparent = headersOf(item)
	C.neo_go_release(C.NEO_GO_MSG_HANDLE, item.msg)
	return message
}

// RecvView receives the next message as Recv does, without copying its payload: for large messages.
// Release it.
func (s *Subscription) RecvView(ctx context.Context) (*View, error) {
	if ctx.Err() != nil {
		return nil, done(s.op("recv"), ctx)
	}
	view, err := s.TryRecvView()
	if view != nil || err != nil {
		return view, err
	}
	err = s.await(ctx, lookForView, func(w *waiter) { view = s.view(&w.item) })
	return view, err
}

func lookForView(w *waiter, poller C.uintptr_t) C.int32_t {
	return C.neo_go_recv_view(w.target, poller, &w.item, &w.err)
}

// TryRecvView is RecvView of a message that is there; nil if none is. It does not wait.
func (s *Subscription) TryRecvView() (*View, error) {
	if message := s.returned.take(); message != nil {
		return viewOf(message), nil
	}
	if !s.source.use() {
		return nil, s.closed("recv")
	}
	defer s.source.unuse()
	var (
		item C.neo_go_item_t
		err  C.neo_error_t
	)
	switch status := C.neo_go_recv_view(s.source.raw, 0, &item, &err); status {
	case C.NEO_OK:
		return s.view(&item), nil
	case C.NEO_AGAIN:
		return nil, nil
	default:
		return nil, failure(s.op("recv"), status, &err)
	}
}

func (s *Subscription) view(item *C.neo_go_item_t) *View {
	return newView(intern(&s.topic, foreign(&item.topic, item.topic_len)), item)
}

// All receives messages until ctx ends, the subscription is closed, or the loop is left:
//
//	for message, err := range subscription.All(ctx) {
//		if err != nil {
//			return err
//		}
//		use(message)
//	}
//
// The error is the last thing that it yields; a subscription that this process has closed ends the loop
// without one. What was not yielded is still in the subscription.
func (s *Subscription) All(ctx context.Context) iter.Seq2[*Message, error] {
	return func(yield func(*Message, error) bool) {
		for {
			message, err := s.Recv(ctx)
			if err != nil {
				if !s.source.isClosed() {
					yield(nil, err)
				}
				return
			}
			if !yield(message, nil) {
				return
			}
		}
	}
}

// Chan receives messages into a channel for as long as ctx lasts and the subscription is open, then
// closes the channel. It starts a goroutine, which ends then. A message that found no place in the
// channel when ctx ended is the next one that Recv gives.
func (s *Subscription) Chan(ctx context.Context, capacity int) <-chan *Message {
	messages := make(chan *Message, capacity)
	go func() {
		defer close(messages)
		for {
			message, err := s.Recv(ctx)
			if err != nil {
				return
			}
			select {
			case messages <- message:
			case <-ctx.Done():
				s.returned.put(message)
				return
			}
		}
	}()
	return messages
}

// TakeLost counts the losses since the last message that no message has told; asking resets it.
func (s *Subscription) TakeLost() (uint64, error) {
	return s.count("take lost", func(n *C.uint64_t, err *C.neo_error_t) C.int32_t {
		return C.neo_go_take_lost(s.source.raw, n, err)
	})
}

// Queued counts the messages that wait to be received.
func (s *Subscription) Queued() (uint64, error) {
	return s.count("queued", func(n *C.uint64_t, err *C.neo_error_t) C.int32_t {
		return C.neo_go_queued(s.source.raw, n, err)
	})
}

func (s *Subscription) count(
	verb string, ask func(n *C.uint64_t, err *C.neo_error_t) C.int32_t,
) (uint64, error) {
	if !s.source.use() {
		return 0, s.closed(verb)
	}
	defer s.source.unuse()
	var (
		n   C.uint64_t
		err C.neo_error_t
	)
	if status := ask(&n, &err); status != C.NEO_OK {
		return 0, failure(s.op(verb), status, &err)
	}
	return uint64(n), nil
}

func (s *Subscription) op(verb string) string { return verb + " " + s.pattern }

func (s *Subscription) closed(verb string) error {
	return fail(ErrClosed, s.op(verb), "the subscription is closed")
}
