package neo

// #include "shim.h"
import "C"

import (
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"
)

// Message is a received message. It belongs to the garbage collector: keep it for as long as you like.
type Message struct {
	// Topic is what it was published to.
	Topic string
	// Data is the payload.
	Data []byte
	// Seq is its number in its stream; 0 outside streams.
	Seq uint64
	// LostBefore counts the messages that the subscription lost between the one before and this one.
	LostBefore uint64
	// Headers are what it carries beside its payload, in the order in which they were added.
	Headers []Header
	// Traceparent is the W3C trace context that it belongs to; empty without one.
	Traceparent string

	timestampNs int64
}

// Time is when it was sent; zero unless its publisher was opened with WithTimestamps.
func (m *Message) Time() time.Time { return timeOf(m.timestampNs) }

func timeOf(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns)
}

// foreign is memory of the library. The numbers that hold its address are no pointers of Go's.
func foreign(address *C.uintptr_t, len C.uintptr_t) []byte {
	if len == 0 {
		return nil
	}
	return unsafe.Slice(*(**byte)(unsafe.Pointer(address)), int(len))
}

// intern gives the text of a topic, for which messages of one topic share a string.
func intern(last *atomic.Pointer[string], topic []byte) string {
	if known := last.Load(); known != nil && *known == string(topic) {
		return *known
	}
	text := string(topic)
	last.Store(&text)
	return text
}

// View is a received message whose bytes stay in the kernel's memory, where it is read without a copy.
// It occupies that memory until Release.
type View struct {
	// Topic is what it was published to.
	Topic string
	// Seq is its number in its stream; 0 outside streams.
	Seq uint64
	// LostBefore counts the messages that the subscription lost between the one before and this one.
	LostBefore uint64
	// Headers are what it carries beside its payload, in the order in which they were added.
	Headers []Header
	// Traceparent is the W3C trace context that it belongs to; empty without one.
	Traceparent string

	timestampNs int64
	data        []byte
	released    atomic.Bool
	// handle keeps the bytes; nil if they are Go's.
	handle  *handle
	cleanup runtime.Cleanup
}

func newView(topic string, item *C.neo_go_item_t) *View {
	v := &View{
		Topic:       topic,
		Seq:         uint64(item.seq),
		LostBefore:  uint64(item.lost_before),
		timestampNs: int64(item.timestamp_ns),
		data:        foreign(&item.data, item.data_len),
		handle:      &handle{raw: item.msg, kind: C.NEO_GO_MSG_HANDLE},
	}
	v.Headers, v.Traceparent = headersOf(item)
	v.cleanup = backstop(v, v.handle)
	return v
}

// viewOf is a view of a message that Go owns already.
func viewOf(m *Message) *View {
	return &View{
		Topic:       m.Topic,
		Seq:         m.Seq,
		LostBefore:  m.LostBefore,
		Headers:     m.Headers,
		Traceparent: m.Traceparent,
		timestampNs: m.timestampNs,
		data:        m.Data,
	}
}

// Data is the payload where it lies. It must be neither written to nor used after Release, and stays
// valid until then even if the subscription and the kernel are closed: keep the View for as long as
// the bytes are used. It panics after Release.
func (v *View) Data() []byte {
	if v.released.Load() {
		panic("neo: View.Data after View.Release: copy the bytes before, or release later")
	}
	return v.data
}

// Time is when it was sent; zero unless its publisher was opened with WithTimestamps.
func (v *View) Time() time.Time { return timeOf(v.timestampNs) }

// Release gives the memory back. Releasing twice does nothing.
func (v *View) Release() {
	if v.released.CompareAndSwap(false, true) && v.handle != nil {
		v.cleanup.Stop()
		v.handle.close()
	}
}
