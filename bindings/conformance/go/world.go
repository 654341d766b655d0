package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	neo "github.com/neo-qiss/messaging-kernel/bindings/go"
)

// limit is far beyond what any step needs: a wait that reaches it has been lost.
const limit = 30 * time.Second

// world holds the handles of a running case, by the names that its steps gave them.
type world struct {
	id, scheme string
	handles    map[string]any
	// order is that in which they were named.
	order []string
	// turn of a repeated step; -1 otherwise.
	turn int
}

func newWorld(id, scheme string) *world {
	return &world{id: id, scheme: scheme, handles: map[string]any{}, turn: -1}
}

func (w *world) keep(s step, handle any) { w.keepAs(s.text("as"), handle) }

func (w *world) keepAs(name string, handle any) {
	if w.turn >= 0 {
		name = fmt.Sprintf("%s-%d", name, w.turn)
	}
	if _, used := w.handles[name]; used {
		breakf("`%s` is in use", name)
	}
	w.handles[name] = handle
	w.order = append(w.order, name)
}

// find is the handle of a name, which must be of this type.
func find[T any](w *world, name string) T {
	handle, ok := w.handles[name].(T)
	if !ok {
		breakf("`%s` is %T, or was never named", name, w.handles[name])
	}
	return handle
}

// take is find, and the name is free again.
func take[T any](w *world, name string) T {
	handle := find[T](w, name)
	delete(w.handles, name)
	w.order = slices.DeleteFunc(w.order, func(other string) bool { return other == name })
	return handle
}

func (w *world) kernel(s step) *neo.Kernel { return find[*neo.Kernel](w, s.textOr("kernel", "k")) }

// giveBack is Go's own way to give something back without closing a kernel.
func giveBack(handle any) {
	switch handle := handle.(type) {
	case *neo.Loan:
		handle.Abort()
	case *neo.View:
		handle.Release()
	case *neo.Request:
		handle.Release()
	case *handler:
		handle.release()
	case *pending:
		if handle.call != nil {
			handle.call.Close()
		}
	case *job:
	case io.Closer:
		handle.Close()
	}
}

// forgetKernel waits until the garbage collector has given back what nobody holds any more.
func forgetKernel(before uint64) {
	for deadline := time.Now().Add(limit); neo.Live()["kernels"] >= before; {
		if time.Now().After(deadline) {
			breakf("the kernel was not given back")
		}
		runtime.GC()
	}
}

// finish gives everything back, kernels last; how many objects live after that, and what was left
// running.
func (w *world) finish() (live uint64, failure string) {
	slices.Reverse(w.order)
	var kernels []*neo.Kernel
	for _, name := range w.order {
		switch handle := w.handles[name].(type) {
		case *neo.Kernel:
			kernels = append(kernels, handle)
		case *job:
			failure = fmt.Sprintf("`%s` was never joined", name)
		default:
			giveBack(handle)
		}
	}
	clear(w.handles)
	for _, kernel := range kernels {
		kernel.Close()
	}
	// Goroutines that were woken leave now.
	for deadline := time.Now().Add(limit); ; runtime.Gosched() {
		live = 0
		for _, count := range neo.Live() {
			live += count
		}
		if live == 0 || time.Now().After(deadline) {
			return live, failure
		}
	}
}

// job is an op on another goroutine.
type job struct{ outcome chan func() seen }

// spawn runs an op beside the others. What it refers to was looked up by the caller.
func spawn(op func() (seen, error)) *job {
	j := &job{outcome: make(chan func() seen, 1)}
	go func() {
		observed, err := op()
		j.outcome <- func() seen { return outcome(observed, err) }
	}()
	return j
}

// handler is the workers of one service that answer by a built-in rule.
type handler struct {
	letGo    chan struct{}
	services []*neo.Service
}

func (h *handler) unhold() {
	select {
	case <-h.letGo:
	default:
		close(h.letGo)
	}
}

// release returns when every worker has left its service.
func (h *handler) release() {
	h.unhold()
	for _, service := range h.services {
		service.Shutdown(context.Background())
	}
}
