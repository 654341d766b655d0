package neo

// #include "shim.h"
import "C"

import (
	"context"
	"runtime"
	"time"
)

// Wait is how Recv waits while nothing is there.
type Wait int

// The ways to wait.
const (
	// WaitAdaptive lets other goroutines run a few times, then sleeps. It is the default.
	WaitAdaptive Wait = iota
	// WaitSpin never sleeps: the lowest latency, at the price of a core.
	WaitSpin
	// WaitPark sleeps at once.
	WaitPark
)

// adaptiveYields is how often an adaptive wait lets others run before it sleeps.
const adaptiveYields = 4

// source is what messages or requests come from: its goroutines take turns at waiting for it.
type source struct {
	handle
	watch C.int32_t
	wait  Wait
	// op is what a wait is called in errors.
	op string
	// turn is held by the goroutine that sleeps for this source, and guards what stands below.
	turn    chan struct{}
	waiter  *waiter
	watched bool
}

func (s *source) open(raw C.uintptr_t, kind, watch C.int32_t, wait Wait, op string) {
	s.raw, s.kind, s.watch, s.wait, s.op = raw, kind, watch, wait, op
	s.turn = make(chan struct{}, 1)
	s.free = func() {
		if s.waiter != nil {
			s.waiter.close()
		}
	}
}

// enter waits for the turn to wait; leave gives it to the next one. The caller uses the source
// meanwhile.
func (s *source) enter(ctx context.Context) (*waiter, error) {
	if w, err := s.tryEnter(); w != nil || err != nil {
		return w, err
	}
	select {
	case s.turn <- struct{}{}:
		return s.entered()
	case <-ctx.Done():
		return nil, done(s.op, ctx)
	}
}

// tryEnter is enter if it is nobody's turn; nil if it is somebody's.
func (s *source) tryEnter() (*waiter, error) {
	select {
	case s.turn <- struct{}{}:
		return s.entered()
	default:
		return nil, nil
	}
}

func (s *source) entered() (*waiter, error) {
	if err := s.prepare(); err != nil {
		s.leave()
		return nil, err
	}
	return s.waiter, nil
}

func (s *source) leave() { <-s.turn }

// prepare makes the poller of this source, and watches the source. The caller has the turn.
func (s *source) prepare() error {
	if s.waiter == nil {
		waiter, err := newWaiter()
		if err != nil {
			return err
		}
		s.waiter, waiter.target = waiter, s.raw
	}
	if !s.watched {
		var err C.neo_error_t
		if status := C.neo_go_watch(s.waiter.poller, s.watch, s.raw, &err); status != C.NEO_OK {
			return failure(s.op, status, &err)
		}
		s.watched = true
	}
	return nil
}

// await looks until something was taken, the source ends or the context does. If the context ended it,
// nothing was taken. The caller has the turn.
func (s *source) await(ctx context.Context, look look) error {
	w := s.waiter
	w.status = C.NEO_AGAIN
	for turn := 0; s.wait == WaitSpin || s.wait == WaitAdaptive && turn < adaptiveYields; turn++ {
		if w.status = look(w, 0); w.status != C.NEO_AGAIN || ctx.Err() != nil {
			break
		}
		runtime.Gosched()
	}
	if w.status == C.NEO_AGAIN && ctx.Err() == nil {
		if _, err := w.park(ctx, time.Time{}, look); err != nil {
			return fail(ErrOS, s.op, err.Error())
		}
	}
	switch w.status {
	case C.NEO_OK:
		return nil
	case C.NEO_AGAIN:
		// Nobody looks any more: what comes now must wake somebody else.
		C.neo_go_unwatch(w.poller, s.raw)
		s.watched = false
		return done(s.op, ctx)
	default:
		return failure(s.op, w.status, &w.err)
	}
}
