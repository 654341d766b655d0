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
	w, problem := k.waiters.take(callOp(service, method))
	if problem != nil {
		return nil, problem
	}
	defer k.waiters.put(w)
	var one struct {
		item C.neo_go_item_t
		err  C.neo_error_t
		call C.uintptr_t
	}
	status := C.neo_go_call(k.handle.raw, w.poller, letters(service), C.size_t(len(service)),
		letters(method), C.size_t(len(method)), address(data), C.size_t(len(data)),
		&one.call, &one.item, &one.err)
	if status == C.NEO_AGAIN {
		_, problem = w.park(ctx, deadlineIn(k.callTimeout), func() bool {
			status = C.neo_go_call_look(one.call, w.poller, &one.item, &one.err)
			return status != C.NEO_AGAIN
		})
	}
	answer := C.uintptr_t(0)
	var reply []byte
	if status == C.NEO_OK {
		answer = one.item.msg
		reply = append([]byte{}, foreign(&one.item.data, one.item.data_len)...)
	}
	C.neo_go_call_end(one.call, w.poller, answer)
	switch {
	case problem != nil:
		return nil, problem
	case status == C.NEO_OK:
		return reply, nil
	case status != C.NEO_AGAIN:
		return nil, failure(callOp(service, method), status, &one.err)
	default:
		return nil, k.late(ctx, callOp(service, method))
	}
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
	item, failed := new(C.neo_go_item_t), new(C.neo_error_t)
	status := C.neo_go_call_look(c.handle.raw, 0, item, failed)
	if status == C.NEO_AGAIN {
		var problem error
		if status, problem = c.await(ctx, item, failed); problem != nil {
			return nil, problem
		}
	}
	switch status {
	case C.NEO_OK:
		reply := append([]byte{}, foreign(&item.data, item.data_len)...)
		C.neo_go_release(C.NEO_GO_MSG_HANDLE, item.msg)
		return reply, nil
	case C.NEO_AGAIN:
		return nil, done(c.op, ctx)
	default:
		return nil, failure(c.op, status, failed)
	}
}

func (c *PendingCall) await(
	ctx context.Context, item *C.neo_go_item_t, failed *C.neo_error_t,
) (C.int32_t, error) {
	w, problem := c.waiters.take(c.op)
	if problem != nil {
		return 0, problem
	}
	defer c.waiters.put(w)
	if status := C.neo_go_watch(w.poller, C.NEO_GO_CALL, c.handle.raw, failed); status != C.NEO_OK {
		return status, nil
	}
	defer C.neo_go_unwatch(w.poller, c.handle.raw)
	status := C.int32_t(C.NEO_AGAIN)
	_, problem = w.park(ctx, time.Time{}, func() bool {
		status = C.neo_go_call_look(c.handle.raw, w.poller, item, failed)
		return status != C.NEO_AGAIN
	})
	return status, problem
}

// Close gives the call up: who waits for it returns. After its end it does nothing.
func (c *PendingCall) Close() error {
	c.cleanup.Stop()
	c.handle.close()
	return nil
}
