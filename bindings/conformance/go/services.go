package main

import (
	"bytes"
	"context"
	"errors"
	"time"

	neo "github.com/neo-qiss/messaging-kernel/bindings/go"
)

func serviceOptions(s step) []neo.ServiceOption {
	if s.has("depth") {
		return []neo.ServiceOption{neo.WithDepth(int(s.number("depth")))}
	}
	return nil
}

func serve(w *world, s step) (seen, error) {
	service, err := w.kernel(s).Service(s.text("service"), serviceOptions(s)...)
	if err == nil {
		w.keep(s, service)
	}
	return nil, err
}

func serveHandler(w *world, s step) (seen, error) {
	h := &handler{letGo: make(chan struct{})}
	rule := h.rule(s.text("handler"))
	for range s.numberOr("workers", 1) {
		name, options := s.text("service"), serviceOptions(s)
		service, err := w.kernel(s).Serve(background, name, rule, options...)
		if err != nil {
			h.release()
			return nil, err
		}
		h.services = append(h.services, service)
	}
	w.keep(s, h)
	return nil, nil
}

// rule is the handler of this name.
func (h *handler) rule(name string) neo.Handler {
	return func(_ context.Context, r *neo.Request) ([]byte, error) {
		switch name {
		case "echo":
			return r.Data, nil
		case "upper":
			return bytes.ToUpper(r.Data), nil
		case "method":
			return []byte(r.Method), nil
		case "fail":
			return nil, errors.New("the handler says no")
		case "silent":
			r.Release()
			return nil, nil
		default:
			<-h.letGo
			return r.Data, nil
		}
	}
}

func unhold(w *world, s step) (seen, error) {
	find[*handler](w, s.text("of")).unhold()
	return nil, nil
}

func request(w *world, s step) (seen, error) {
	service := find[*neo.Service](w, s.text("service"))
	var r *neo.Request
	var err error
	if s.numberOr("timeout_ns", 1) == 0 {
		if r, err = service.TryRecv(); r == nil {
			return none, err
		}
	} else {
		ctx, cancel := waiting(s)
		defer cancel()
		if r, err = service.Recv(ctx); err != nil {
			return waited(nil, err)
		}
	}
	w.keep(s, r)
	return seen{{"method", r.Method}, {"payload", digest(r.Data)}}, nil
}

func reply(w *world, s step) (seen, error) {
	return nil, take[*neo.Request](w, s.text("request")).Reply(s.payload())
}

func replyError(w *world, s step) (seen, error) {
	return nil, take[*neo.Request](w, s.text("request")).Fail(s.text("text"))
}

// calling is the call that a step describes.
func calling(w *world, s step) func() (seen, error) {
	kernel, data := w.kernel(s), s.payload()
	return func() (seen, error) {
		ctx, cancel := waiting(s)
		defer cancel()
		answer, err := kernel.Call(ctx, s.text("service"), s.text("method"), data)
		return seen{{"payload", digest(answer)}}, err
	}
}

func call(w *world, s step) (seen, error) { return calling(w, s)() }

// ── beside the others

// pending is a call that was started, or why it was not.
type pending struct {
	call *neo.PendingCall
	err  error
}

func startCall(w *world, s step) (seen, error) {
	call, err := w.kernel(s).StartCall(s.text("service"), s.text("method"), s.payload())
	w.keep(s, &pending{call, err})
	return nil, nil
}

func awaitCall(w *world, s step) (seen, error) {
	started := take[*pending](w, s.text("of"))
	if started.err != nil {
		return nil, started.err
	}
	defer started.call.Close()
	ctx, cancel := context.WithTimeout(background, limit)
	defer cancel()
	answer, err := started.call.Wait(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		breakf("the call still waits")
	}
	return seen{{"payload", digest(answer)}}, err
}

func cancelCall(w *world, s step) (seen, error) {
	giveBack(take[*pending](w, s.text("of")))
	return nil, nil
}

func spawnCall(w *world, s step) (seen, error) {
	w.keep(s, spawn(calling(w, s)))
	return nil, nil
}

func spawnRecv(w *world, s step) (seen, error) {
	subscription := find[*neo.Subscription](w, s.text("sub"))
	w.keep(s, spawn(func() (seen, error) {
		m, err := subscription.Recv(background)
		if err != nil {
			return nil, err
		}
		return message(m), nil
	}))
	return nil, nil
}

func spawnPublish(w *world, s step) (seen, error) {
	publish, data := publishing(w, s), s.payload()
	w.keep(s, spawn(func() (seen, error) {
		published, err := publish(data)
		return counts(published), err
	}))
	return nil, nil
}

func join(w *world, s step) (seen, error) {
	select {
	case outcome := <-take[*job](w, s.text("of")).outcome:
		return outcome(), nil
	case <-time.After(limit):
		breakf("`%s` still waits", s.text("of"))
		return nil, nil
	}
}
