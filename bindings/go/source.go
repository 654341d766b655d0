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
	// turn is held by the goroutine that sleeps for this source, and guards what stands below.
	turn    chan struct{}
	waiter  *waiter
	watched bool
}

func (s *source) open(raw C.uintptr_t, kind, watch C.int32_t, wait Wait) {
	s.raw, s.kind, s.watch, s.wait = raw, kind, watch, wait
	s.turn = make(chan struct{}, 1)
	s.free = func() {
		if s.waiter != nil {
			s.waiter.close()
		}
	}
}

// look takes what is there. With a poller it arms that if nothing is. C.NEO_AGAIN: nothing was there.
type look func(poller C.uintptr_t) C.int32_t

// await looks until something was taken, the source ends or the context does. It has taken nothing
// if the context ended it. The caller uses the source meanwhile and has looked once already.
func (s *source) await(ctx context.Context, look look) (C.int32_t, error) {
	yields := adaptiveYields
	if s.wait == WaitPark {
		yields = 0
	}
	for turn := 0; s.wait == WaitSpin || turn < yields; turn++ {
		if ctx.Err() != nil {
			return C.NEO_AGAIN, nil
		}
		runtime.Gosched()
		if status := look(0); status != C.NEO_AGAIN {
			return status, nil
		}
	}
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return C.NEO_AGAIN, nil
	}
	defer func() { <-s.turn }()
	if err := s.prepare(); err != nil {
		return 0, err
	}
	status := C.int32_t(C.NEO_AGAIN)
	_, err := s.waiter.park(ctx, time.Time{}, func() bool {
		status = look(s.waiter.poller)
		return status != C.NEO_AGAIN
	})
	if status == C.NEO_AGAIN {
		// Nobody looks any more: what comes now must wake somebody else.
		C.neo_go_unwatch(s.waiter.poller, s.raw)
		s.watched = false
	}
	return status, err
}

// prepare makes the poller of this source, and watches the source. The caller has the turn.
func (s *source) prepare() error {
	const op = "wait"
	if s.waiter == nil {
		waiter, err := newWaiter(op)
		if err != nil {
			return err
		}
		s.waiter = waiter
	}
	if !s.watched {
		var err C.neo_error_t
		if status := C.neo_go_watch(s.waiter.poller, s.watch, s.raw, &err); status != C.NEO_OK {
			return failure(op, status, &err)
		}
		s.watched = true
	}
	return nil
}
