package neo

// #include "shim.h"
import "C"

import (
	"context"
	"errors"
	"time"
)

// lostRacesMax is how many races for room a waiting publish loses before it believes that the memory
// is used up.
const lostRacesMax = 16

// publishPatiently waits until there is room for a message of len bytes, for the send timeout and as
// long as ctx lasts, and publishes. The caller uses the handle.
func (p *Publisher) publishPatiently(
	ctx context.Context, len int, publish func() (Published, error),
) (Published, error) {
	var deadline time.Time
	if p.sendTimeout > 0 {
		deadline = time.Now().Add(p.sendTimeout)
	}
	var (
		room C.uintptr_t
		err  C.neo_error_t
	)
	if status := C.neo_go_room_open(p.handle.raw, C.size_t(len), &room, &err); status != C.NEO_OK {
		return Published{}, failure(p.op(), status, &err)
	}
	defer C.neo_go_release(C.NEO_GO_ROOM_HANDLE, room)
	for lostRaces := 0; ; {
		status := C.neo_go_room_look(room, 0, &err)
		if status == C.NEO_AGAIN {
			var problem error
			if status, problem = p.awaitRoom(ctx, deadline, room, &err); problem != nil {
				return Published{}, problem
			}
		}
		hasRoom := status == C.NEO_OK
		if !hasRoom && status != C.NEO_AGAIN {
			return Published{}, failure(p.op(), status, &err)
		}
		published, problem := publish()
		if problem == nil || !hasRoom || !errors.Is(problem, ErrFull) {
			return published, problem
		}
		if C.neo_go_room_look(room, 0, &err) != C.NEO_OK {
			lostRaces = 0
			continue
		}
		// There is room at the mailboxes, again and again: it is the memory that is full.
		if lostRaces++; lostRaces > lostRacesMax {
			return published, problem
		}
	}
}

// awaitRoom sleeps until there is room. C.NEO_AGAIN: the deadline passed. If the context ended, that is
// the error.
func (p *Publisher) awaitRoom(
	ctx context.Context, deadline time.Time, room C.uintptr_t, err *C.neo_error_t,
) (C.int32_t, error) {
	w, problem := p.waiters.take()
	if problem != nil {
		return 0, problem
	}
	defer p.waiters.put(w)
	w.target = room
	if status := C.neo_go_watch(w.poller, C.NEO_GO_ROOM, room, err); status != C.NEO_OK {
		return 0, failure(p.op(), status, err)
	}
	defer C.neo_go_unwatch(w.poller, room)
	status, problem := w.park(ctx, deadline, lookForRoom)
	if problem != nil {
		return 0, fail(ErrOS, p.op(), problem.Error())
	}
	if status == C.NEO_AGAIN && ctx.Err() != nil {
		return 0, done(p.op(), ctx)
	}
	*err = w.err
	return status, nil
}

func lookForRoom(w *waiter, poller C.uintptr_t) C.int32_t {
	return C.neo_go_room_look(w.target, poller, &w.err)
}
