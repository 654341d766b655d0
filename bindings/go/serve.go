//go:build cgo && unix

package neo

import (
	"context"
	"fmt"
	"runtime/debug"
)

// Handler answers a request: with what it returns, or with the text of its error. The context ends when
// that of Serve does, or the service is closed. A handler may answer by Request.Reply itself, or give
// the request up by Request.Release; then what it returns is ignored.
type Handler func(ctx context.Context, request *Request) ([]byte, error)

// Panic is a panic of a handler.
type Panic struct {
	// Method is what was called.
	Method string
	// Value is what was passed to panic.
	Value any
	// Stack is where.
	Stack []byte
}

// Serve joins a service and has handler answer its requests, on a goroutine of its own or as many as
// WithConcurrency says, until ctx ends or the service is closed. A panic in the handler is the caller's
// error, and WithPanicHook is told. It does not wait.
//
// Errors as Service.
func (k *Kernel) Serve(
	ctx context.Context, name string, handler Handler, options ...ServiceOption,
) (*Service, error) {
	if handler == nil {
		return nil, fail(ErrInvalid, "serve "+name, "the handler is nil: pass a function, or use Service")
	}
	s, o, err := k.service(name, options)
	if err != nil {
		return nil, err
	}
	ctx, s.cancel = context.WithCancel(ctx)
	w := &worker{service: s, handler: handler, onPanic: o.onPanic}
	for range o.concurrency {
		s.handlers.Add(1)
		go w.run(ctx)
	}
	context.AfterFunc(ctx, func() { s.Close() })
	return s, nil
}

// worker is what the goroutines of Serve share.
type worker struct {
	service *Service
	handler Handler
	onPanic func(Panic)
}

func (w *worker) run(ctx context.Context) {
	ended := false
	defer func() {
		if ended {
			w.service.handlers.Done()
			return
		}
		// The handler has ended the goroutine (runtime.Goexit): another one takes its place.
		go w.run(ctx)
	}()
	for {
		request := new(Request)
		// When ctx ends the service is closed, which ends this wait: it need not watch for both.
		if err := w.service.recv(context.Background(), request); err != nil {
			ended = true
			w.service.cancel()
			return
		}
		w.answer(ctx, request)
	}
}

func (w *worker) answer(ctx context.Context, request *Request) {
	// Unanswered only if the handler ended the goroutine, or answered by itself.
	defer request.Release()
	data, err := w.call(ctx, request)
	if request.ended.Load() {
		return
	}
	if err != nil {
		request.Fail(err.Error())
		return
	}
	// What has no room is told to the caller by the library.
	_ = request.Reply(data)
}

// call turns a panic into an error.
func (w *worker) call(ctx context.Context, request *Request) (data []byte, err error) {
	defer func() {
		value := recover()
		if value == nil {
			return
		}
		if w.onPanic != nil {
			w.onPanic(Panic{Method: request.Method, Value: value, Stack: debug.Stack()})
		}
		err = fmt.Errorf("the handler panicked: %v", value)
	}()
	return w.handler(ctx, request)
}
