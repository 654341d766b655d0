package neo

// #include "shim.h"
import "C"

import (
	"context"
	"errors"
	"os"
	"sync"
	"syscall"
	"time"
)

// waiter lets a goroutine sleep in Go's own netpoller until something of the library is ready. It has
// one user at a time.
type waiter struct {
	poller C.uintptr_t
	file   *os.File
	conn   syscall.RawConn
	// A deadline is set at the file.
	timed bool
}

func newWaiter(op string) (*waiter, error) {
	var (
		poller C.uintptr_t
		fd     C.int32_t
		err    C.neo_error_t
	)
	if status := C.neo_go_poller_open(&poller, &fd, &err); status != C.NEO_OK {
		return nil, failure(op, status, &err)
	}
	w := &waiter{poller: poller, file: os.NewFile(uintptr(fd), "neo")}
	conn, problem := w.file.SyscallConn()
	if problem == nil {
		// Fails if the netpoller does not take the descriptor.
		problem = w.file.SetReadDeadline(time.Time{})
	}
	if problem != nil {
		w.close()
		return nil, fail(ErrOS, op, problem.Error())
	}
	w.conn = conn
	return w, nil
}

func (w *waiter) close() {
	w.file.Close()
	C.neo_go_release(C.NEO_GO_POLLER_HANDLE, w.poller)
}

// park calls look until it returns true, and sleeps in between; look may return false only if it has
// armed the poller. False: the deadline passed, or the context ended, before look was content.
func (w *waiter) park(ctx context.Context, deadline time.Time, look func() bool) (bool, error) {
	if w.timed || !deadline.IsZero() {
		w.timed = !deadline.IsZero()
		if err := w.file.SetReadDeadline(deadline); err != nil {
			return false, err
		}
	}
	if ctx.Done() != nil {
		ended := make(chan struct{})
		stop := context.AfterFunc(ctx, func() {
			w.file.SetReadDeadline(time.Unix(1, 0))
			close(ended)
		})
		defer func() {
			if !stop() {
				// Its deadline must not meet the next user.
				<-ended
				w.timed = true
			}
		}()
	}
	err := w.conn.Read(func(uintptr) bool { return look() })
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return false, nil
	}
	return err == nil, err
}

// waiters are kept for the calls of a kernel, which need one each.
type waiters struct {
	mutex  sync.Mutex
	idle   []*waiter
	closed bool
}

// waitersMax bounds how many are kept while nobody needs them.
const waitersMax = 64

func (p *waiters) take(op string) (*waiter, error) {
	p.mutex.Lock()
	if n := len(p.idle); n > 0 {
		w := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mutex.Unlock()
		return w, nil
	}
	p.mutex.Unlock()
	return newWaiter(op)
}

func (p *waiters) put(w *waiter) {
	p.mutex.Lock()
	if !p.closed && len(p.idle) < waitersMax {
		p.idle = append(p.idle, w)
		w = nil
	}
	p.mutex.Unlock()
	if w != nil {
		w.close()
	}
}

func (p *waiters) close() {
	p.mutex.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mutex.Unlock()
	for _, w := range idle {
		w.close()
	}
}
