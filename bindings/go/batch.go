package neo

// #include "shim.h"
import "C"

import (
	"context"
	"sync"
)

const (
	// slabBytes is how much memory batches share; a message that is kept keeps all of it.
	slabBytes = 32 << 10
	// slabLeast is what must be left of it for another batch.
	slabLeast = slabBytes / 4
	// batchMax is how many messages one call of C receives.
	batchMax = C.NEO_GO_BATCH_MAX
)

// batch is what one call of C fills.
type batch struct {
	// slab is memory for payloads. What was given out is never used again.
	slab []byte
	// room is how many messages may come, n how many came.
	room  int
	n     C.size_t
	items [batchMax]C.neo_go_item_t
	err   C.neo_error_t
	// handles are the messages that were too large for the slab.
	handles []C.uintptr_t
}

var batches = sync.Pool{New: func() any { return new(batch) }}

// RecvBatch appends the messages that are there to messages, at most as many as its capacity has room
// for and at most 256, and waits for the first one until ctx ends. Without room it makes some:
//
//	batch := make([]neo.Message, 0, 256)
//	for {
//		batch, err = subscription.RecvBatch(ctx, batch[:0])
//		...
//	}
//
// The payloads of a batch share memory: to keep a few bytes for long, clone them. Errors as Recv; then
// nothing was appended.
func (s *Subscription) RecvBatch(ctx context.Context, messages []Message) ([]Message, error) {
	if ctx.Err() != nil {
		return messages, done(s.op("recv"), ctx)
	}
	return s.recvBatch(messages, func(b *batch) error {
		w, err := s.source.enter(ctx)
		if err != nil {
			return err
		}
		defer s.source.leave()
		w.batch = b
		err = s.source.await(ctx, lookForBatch)
		w.batch = nil
		return err
	})
}

func lookForBatch(w *waiter, poller C.uintptr_t) C.int32_t {
	return w.batch.recv(w.target, poller, &w.err)
}

// TryRecvBatch is RecvBatch of messages that are there; it appends nothing if none is. It does not wait.
func (s *Subscription) TryRecvBatch(messages []Message) ([]Message, error) {
	return s.recvBatch(messages, func(b *batch) error {
		b.n = 0
		return nil
	})
}

// recvBatch calls wait if nothing is there.
func (s *Subscription) recvBatch(
	messages []Message, wait func(b *batch) error,
) ([]Message, error) {
	if len(messages) == cap(messages) {
		messages = append(make([]Message, 0, len(messages)+batchMax), messages...)
	}
	if message := s.returned.take(); message != nil {
		return append(messages, *message), nil
	}
	if !s.source.use() {
		return messages, s.closed("recv")
	}
	defer s.source.unuse()
	b := batches.Get().(*batch)
	defer batches.Put(b)
	b.room = min(cap(messages)-len(messages), batchMax)
	switch status := b.recv(s.source.raw, 0, &b.err); status {
	case C.NEO_OK:
	case C.NEO_AGAIN:
		if err := wait(b); err != nil {
			return messages, err
		}
	default:
		return messages, failure(s.op("recv"), status, &b.err)
	}
	return b.appendTo(s, messages), nil
}

func (b *batch) recv(raw, poller C.uintptr_t, err *C.neo_error_t) C.int32_t {
	if len(b.slab) < slabLeast {
		b.slab = make([]byte, slabBytes)
	}
	return C.neo_go_recv(raw, poller, address(b.slab), C.size_t(len(b.slab)),
		&b.items[0], C.size_t(b.room), &b.n, err)
}

func (b *batch) appendTo(s *Subscription, messages []Message) []Message {
	used := C.uintptr_t(0)
	topicAt, topic := ^C.uintptr_t(0), ""
	for i := range b.items[:b.n] {
		item := &b.items[i]
		message := Message{
			Seq:         uint64(item.seq),
			LostBefore:  uint64(item.lost_before),
			timestampNs: int64(item.timestamp_ns),
		}
		if item.msg == 0 {
			end := item.data + item.data_len
			message.Data = b.slab[item.data:end:end]
			// Copies of one topic stand in one place.
			if item.topic != topicAt {
				topicAt = item.topic
				topic = intern(&s.topic, b.slab[topicAt:topicAt+item.topic_len])
			}
			message.Topic = topic
			used = max(used, end, item.topic+item.topic_len)
		} else {
			message.Topic = intern(&s.topic, foreign(&item.topic, item.topic_len))
			message.Data = append([]byte{}, foreign(&item.data, item.data_len)...)
			message.Headers, message.Traceparent = headersOf(item)
			b.handles = append(b.handles, item.msg)
		}
		messages = append(messages, message)
	}
	b.slab = b.slab[used:]
	if len(b.handles) > 0 {
		C.neo_go_release_messages(&b.handles[0], C.size_t(len(b.handles)))
		b.handles = b.handles[:0]
	}
	return messages
}
