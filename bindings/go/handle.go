package neo

// #include "shim.h"
// #cgo noescape neo_go_publish
// #cgo nocallback neo_go_publish
// #cgo noescape neo_go_publish_to
// #cgo nocallback neo_go_publish_to
// #cgo noescape neo_go_publish_flat
// #cgo nocallback neo_go_publish_flat
// #cgo noescape neo_go_recv
// #cgo nocallback neo_go_recv
// #cgo noescape neo_go_recv_view
// #cgo nocallback neo_go_recv_view
// #cgo noescape neo_go_loan
// #cgo nocallback neo_go_loan
// #cgo noescape neo_go_loan_commit
// #cgo nocallback neo_go_loan_commit
// #cgo noescape neo_go_service_recv
// #cgo nocallback neo_go_service_recv
// #cgo noescape neo_go_reply
// #cgo nocallback neo_go_reply
// #cgo noescape neo_go_call
// #cgo nocallback neo_go_call
// #cgo noescape neo_go_call_look
// #cgo nocallback neo_go_call_look
// #cgo noescape neo_go_call_take
// #cgo nocallback neo_go_call_take
// #cgo noescape neo_go_call_end
// #cgo nocallback neo_go_call_end
// #cgo nocallback neo_go_release
import "C"

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// States of a handle, beside the number of its users.
const (
	closing = 1 << 62
	freed   = 1 << 61
)

// handle is a reference to an object of the library that any goroutine may use and any may close:
// the last user gives it back, so nobody ever uses what is gone.
type handle struct {
	raw   C.uintptr_t
	kind  C.int32_t
	state atomic.Int64
	// closes runs what closes it, once.
	closes sync.Once
	// free runs before the reference is given back; nil if there is nothing else to end.
	free func()
}

// use keeps the object alive until unuse. False: it is closed.
func (h *handle) use() bool {
	if h.state.Add(1) < closing {
		return true
	}
	h.unuse()
	return false
}

func (h *handle) unuse() {
	// Both bits are told from a count of users by their size. Once it is free nobody frees it again.
	if h.state.Add(-1) == closing && h.state.CompareAndSwap(closing, closing|freed) {
		h.giveBack()
	}
}

func (h *handle) isClosed() bool { return h.state.Load() >= closing }

// close wakes whoever waits there; the last user gives the reference back. When it returns the object is
// closed, also if another goroutine was the first to close it.
func (h *handle) close() {
	h.closes.Do(func() {
		state := h.state.Load()
		// One user more, until the object has been told.
		for state < closing && !h.state.CompareAndSwap(state, state+closing+1) {
			state = h.state.Load()
		}
		if state < closing {
			C.neo_go_close(h.kind, h.raw)
			h.unuse()
		}
	})
}

func (h *handle) giveBack() {
	if h.free != nil {
		h.free()
	}
	C.neo_go_release(h.kind, h.raw)
}

// abandon gives the reference back and closes nothing.
func (h *handle) abandon() {
	if h.state.CompareAndSwap(0, closing|freed) {
		h.giveBack()
	}
}

// forgotten counts what the garbage collector had to give back because nobody closed it.
var forgotten atomic.Int64

// backstop closes the handle when its owner is collected without having been closed.
func backstop[T any](owner *T, h *handle) runtime.Cleanup {
	return runtime.AddCleanup(owner, func(h *handle) {
		if !h.isClosed() {
			forgotten.Add(1)
			h.close()
		}
	}, h)
}
