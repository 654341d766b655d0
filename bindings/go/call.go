package neo

// #include "shim.h"
import "C"

import (
	"context"
	"io"
	"runtime"
	"time"
)

// Call calls a method of a service and waits for the answer, for as long as ctx lasts and the kernel's
// call timeout says. If it returns early the call is given up.
//
// Errors: ErrNoResponder at once if nobody serves it; ErrService with the service's text; ErrTimeout,
// ErrFull, ErrNoReply, ErrPanicked, ErrPeerDied, ErrTooLarge, ErrInvalid, ErrClosed; the context's.
func (k *Kernel) Call(ctx context.Context, service, method string, data []byte) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, done(callOp(service, method), ctx)
	}
	if !k.handle.use() {
		return nil, fail(ErrClosed, callOp(service, method), "the kernel is closed")
	}
	defer k.handle.unuse()
	if k.callTimeout == 0 {
		// It has expired before it starts.
		return nil, k.late(ctx, callOp(service, method))
	}
	w, problem := k.waiters.take()
	if problem != nil {
		return nil, problem
	}
	defer k.waiters.put(w)
	status := C.neo_go_call(k.handle.raw, w.poller, letters(service), C.size_t(len(service)),
		letters(method), C.size_t(len(method)), address(data), C.size_t(len(data)), &w.call, &w.err)
	if status == C.NEO_OK {
		status, problem = w.park(ctx, deadlineIn(k.callTimeout), lookForAnswer)
	}
	switch {
	case status == C.NEO_OK:
		return w.answer(), nil
	case status != C.NEO_AGAIN:
		return nil, failure(callOp(service, method), status, &w.err)
	}
	C.neo_go_call_end(&w.call)
	if problem != nil {
		return nil, fail(ErrOS, callOp(service, method), problem.Error())
	}
	return nil, k.late(ctx, callOp(service, method))
}

func lookForAnswer(w *waiter, _ C.uintptr_t) C.int32_t {
	return C.neo_go_call_take(&w.call, address(w.space[:]), recvSpace, &w.err)
}

// answer is what the call of this waiter was answered with.
func (w *waiter) answer() []byte {
	if w.call.answer == 0 {
		return append([]byte{}, w.space[:w.call.len]...)
	}
	answer := append([]byte{}, foreign(&w.call.data, w.call.len)...)
	C.neo_go_release(C.NEO_GO_MSG_HANDLE, w.call.answer)
	return answer
}

// late is why a call that was not answered has ended.
func (k *Kernel) late(ctx context.Context, op string) error {
	if ctx.Err() != nil {
		return done(op, ctx)
	}
	text := "no answer in " + k.callTimeout.String() + ": raise WithCallTimeout, or ask for less"
	return fail(ErrTimeout, op, text)
}

func callOp(service, method string) string { return "call " + service + "/" + method }

// deadlineIn is when a timeout will have passed; never if it is negative.
func deadlineIn(timeout time.Duration) time.Time {
	if timeout < 0 {
		return time.Time{}
	}
	return time.Now().Add(timeout)
}

// PendingCall is a call that was started and is not waited for yet. All its methods may be called from
// any goroutine at any time; one Wait gets the answer.
type PendingCall struct {
	waiters *waiters
	handle  *handle
	cleanup runtime.Cleanup
	op      string
}

var _ io.Closer = (*PendingCall)(nil)

// StartCall sends a call and does not wait for its answer. What is wrong with it is told by Wait.
//
// Errors: ErrInvalid, ErrClosed.
func (k *Kernel) StartCall(service, method string, data []byte) (*PendingCall, error) {
	op := callOp(service, method)
	if err := k.use(op); err != nil {
		return nil, err
	}
	defer k.handle.unuse()
	var (
		raw C.uintptr_t
		err C.neo_error_t
	)
	status := C.neo_go_call_start(k.handle.raw, letters(service), C.size_t(len(service)),
		letters(method), C.size_t(len(method)), address(data), C.size_t(len(data)), &raw, &err)
	if status != C.NEO_OK {
		return nil, failure(op, status, &err)
	}
	c := &PendingCall{
		waiters: k.waiters,
		handle:  &handle{raw: raw, kind: C.NEO_GO_CALL_HANDLE},
		op:      op,
	}
	c.cleanup = backstop(c, c.handle)
	return c, nil
}

// Wait waits for the answer until ctx ends, and takes it; the call goes on if ctx ends. It has no other
// timeout.
//
// Errors as Kernel.Call; ErrMisuse if the answer was taken, ErrClosed after Close.
func (c *PendingCall) Wait(ctx context.Context) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, done(c.op, ctx)
	}
	if !c.handle.use() {
		return nil, fail(ErrClosed, c.op, "the call was given up by Close")
	}
	defer c.handle.unuse()
	w, problem := c.waiters.take()
	if problem != nil {
		return nil, problem
	}
	defer c.waiters.put(w)
	w.target = c.handle.raw
	status := lookForCall(w, 0)
	if status == C.NEO_AGAIN {
		if status = C.neo_go_watch(w.poller, C.NEO_GO_CALL, w.target, &w.err); status == C.NEO_OK {
			defer C.neo_go_unwatch(w.poller, w.target)
			if status, problem = w.park(ctx, time.Time{}, lookForCall); problem != nil {
				return nil, fail(ErrOS, c.op, problem.Error())
			}
		}
	}
	switch status {
	case C.NEO_OK:
		reply := append([]byte{}, foreign(&w.item.data, w.item.data_len)...)
		C.neo_go_release(C.NEO_GO_MSG_HANDLE, w.item.msg)
		return reply, nil
	case C.NEO_AGAIN:
		return nil, done(c.op, ctx)
	default:
		return nil, failure(c.op, status, &w.err)
	}
}

func lookForCall(w *waiter, poller C.uintptr_t) C.int32_t {
	return C.neo_go_call_look(w.target, poller, &w.item, &w.err)
}

// Close gives the call up: who waits for it returns. After its end it does nothing.
func (c *PendingCall) Close() error {
	c.cleanup.Stop()
	c.handle.close()
	return nil
}
