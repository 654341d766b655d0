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

// look takes what is there into the waiter. With a poller it arms that if nothing is. C.NEO_AGAIN:
// nothing was there.
type look func(w *waiter, poller C.uintptr_t) C.int32_t

// recvSpace holds most messages: those that fit it are received by one call of C.
const recvSpace = 512

// waiter lets a goroutine sleep in Go's own netpoller until something of the library is ready. It has
// one user at a time.
type waiter struct {
	poller C.uintptr_t
	file   *os.File
	conn   syscall.RawConn
	// deadline is what is set at the file. It may come before the user's, and is then set anew: most
	// waits end long before, and need not set theirs.
	deadline time.Time
	// ready is what the netpoller calls; made once.
	ready func(fd uintptr) bool

	// What its user looks at, and how.
	target C.uintptr_t
	look   look
	batch  *batch
	// What the last look has found.
	status C.int32_t
	space  [recvSpace]byte
	item   C.neo_go_item_t
	call   C.neo_go_call_t
	n      C.size_t
	err    C.neo_error_t
}

func newWaiter() (*waiter, error) {
	const op = "wait"
	var (
		poller C.uintptr_t
		fd     C.int32_t
		err    C.neo_error_t
	)
	if status := C.neo_go_poller_open(&poller, &fd, &err); status != C.NEO_OK {
		return nil, failure(op, status, &err)
	}
	w := &waiter{poller: poller, file: os.NewFile(uintptr(fd), "neo")}
	w.ready = func(uintptr) bool {
		w.status = w.look(w, w.poller)
		return w.status != C.NEO_AGAIN
	}
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

// park calls look until it has found something, and sleeps in between. C.NEO_AGAIN: the deadline passed
// or the context ended before.
func (w *waiter) park(ctx context.Context, deadline time.Time, look look) (C.int32_t, error) {
	w.look, w.status = look, C.NEO_AGAIN
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
				w.deadline = time.Unix(1, 0)
			}
		}()
	}
	for {
		if err := w.wakeBy(deadline); err != nil {
			return w.status, err
		}
		// The context may have ended before that, which has then undone its wake.
		if ctx.Err() != nil {
			return w.status, nil
		}
		err := w.conn.Read(w.ready)
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return w.status, err
		}
		if !deadline.IsZero() && !time.Now().Before(deadline) {
			return w.status, nil
		}
	}
}

// wakeBy sees to it that the file wakes its reader no later than at the deadline.
func (w *waiter) wakeBy(deadline time.Time) error {
	isSet := !w.deadline.IsZero()
	if deadline.IsZero() && !isSet {
		return nil
	}
	if isSet && w.deadline.After(time.Now()) && (deadline.IsZero() || !w.deadline.After(deadline)) {
		return nil
	}
	w.deadline = deadline
	return w.file.SetReadDeadline(deadline)
}

// waiters are kept for the calls of a kernel, which need one each.
type waiters struct {
	mutex  sync.Mutex
	idle   []*waiter
	closed bool
}

// waitersMax bounds how many are kept while nobody needs them.
const waitersMax = 64

func (p *waiters) take() (*waiter, error) {
	p.mutex.Lock()
	if n := len(p.idle); n > 0 {
		w := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mutex.Unlock()
		return w, nil
	}
	p.mutex.Unlock()
	return newWaiter()
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
