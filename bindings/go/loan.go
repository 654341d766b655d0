package neo

// #include "shim.h"
import "C"

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
)

// Loan is a message that is written where it will be read: in the kernel's memory. It has one owner, who
// ends it by Send or Abort.
type Loan struct {
	publisher *Publisher
	handle    *handle
	cleanup   runtime.Cleanup
	data      []byte
	ended     atomic.Bool
}

// Loan lends memory for a message of len bytes. What it holds beforehand is not specified. It does not
// wait.
//
// Errors: ErrFull if the memory is used up, ErrTooLarge, ErrClosed.
func (p *Publisher) Loan(len int) (*Loan, error) {
	op := "loan " + p.topic
	if len < 0 {
		return nil, fail(ErrInvalid, op, fmt.Sprintf("the length is %d: pass 0 or more", len))
	}
	if !p.handle.use() {
		return nil, fail(ErrClosed, op, "the publisher is closed")
	}
	defer p.handle.unuse()
	var (
		raw, data C.uintptr_t
		err       C.neo_error_t
	)
	status := C.neo_go_loan(p.handle.raw, C.size_t(len), &raw, &data, &err)
	if status != C.NEO_OK {
		return nil, failure(op, status, &err)
	}
	l := &Loan{
		publisher: p,
		handle:    &handle{raw: raw, kind: C.NEO_GO_LOAN_HANDLE},
		data:      foreign(&data, C.uintptr_t(len)),
	}
	l.cleanup = backstop(l, l.handle)
	return l, nil
}

// Data is the memory to write to. It must not be used after Send or Abort, which the reader has then;
// Data itself panics.
func (l *Loan) Data() []byte {
	if l.ended.Load() {
		panic("neo: Loan.Data after Loan.Send or Loan.Abort: write before")
	}
	return l.data
}

// Truncate sends only the first len bytes.
//
// Errors: ErrInvalid if that is more than there is, ErrMisuse after Send or Abort.
func (l *Loan) Truncate(len int) error {
	if l.ended.Load() {
		return l.over()
	}
	if most := cap(l.data); len < 0 || len > most {
		return fail(ErrInvalid, l.op(), fmt.Sprintf("the length is %d: pass 0 to %d", len, most))
	}
	l.data = l.data[:len:len]
	return nil
}

// Send publishes the message. It waits for room as Publisher.Publish does. The loan has ended then, also
// if this fails.
//
// Errors as Publisher.Publish; ErrMisuse after Send or Abort.
func (l *Loan) Send(ctx context.Context) (Published, error) {
	if !l.ended.CompareAndSwap(false, true) {
		return Published{}, l.over()
	}
	l.cleanup.Stop()
	// Whatever happens, the memory goes back: by the commit, or by the abort of an unused handle.
	defer l.handle.close()
	if ctx.Err() != nil {
		return Published{}, done(l.publisher.op(), ctx)
	}
	p := l.publisher
	if !p.handle.use() {
		return Published{}, p.closed()
	}
	defer p.handle.unuse()
	if p.sendTimeout != 0 {
		return p.publishPatiently(ctx, len(l.data), l.commit)
	}
	return l.commit()
}

func (l *Loan) commit() (Published, error) {
	var (
		result C.neo_publish_result_t
		err    C.neo_error_t
	)
	raw := l.handle.raw
	// The library takes it back whatever comes of it: nothing is left to abort.
	l.handle.raw = 0
	status := C.neo_go_loan_commit(raw, C.size_t(len(l.data)), &result, &err)
	if status != C.NEO_OK {
		return Published{}, failure(l.publisher.op(), status, &err)
	}
	return publishedOf(&result), nil
}

// Abort gives the memory back and sends nothing. After Send or Abort it does nothing.
func (l *Loan) Abort() {
	if l.ended.CompareAndSwap(false, true) {
		l.cleanup.Stop()
		l.handle.close()
	}
}

func (l *Loan) op() string { return "loan " + l.publisher.topic }

func (l *Loan) over() error { return fail(ErrMisuse, l.op(), "the loan was sent or aborted") }
