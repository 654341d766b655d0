package neo

// #include "shim.h"
import "C"

import (
	"context"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
)

// Service is a worker of a service. All its methods may be called from any goroutine at any time; a
// request goes to one of those that wait for it.
type Service struct {
	source  *source
	cleanup runtime.Cleanup
	name    string
	method  atomic.Pointer[string]
	// handlers are the goroutines of Serve.
	handlers sync.WaitGroup
	// cancel ends the context of the handlers; nil without Serve.
	cancel context.CancelFunc
}

var _ io.Closer = (*Service)(nil)

// Service joins a service as a worker that takes requests with Recv; the first worker opens it.
// Kernel.Serve has a handler called instead. It does not wait.
//
// Errors: ErrInvalid for a bad name or option, ErrFull if there are too many, ErrClosed.
func (k *Kernel) Service(name string, options ...ServiceOption) (*Service, error) {
	service, _, err := k.service(name, options)
	return service, err
}

func (k *Kernel) service(name string, options []ServiceOption) (*Service, *serviceOptions, error) {
	op := "serve " + name
	o := &serviceOptions{depth: C.NEO_DEFAULT32, concurrency: 1}
	for _, option := range options {
		if err := option.applyService(op, o); err != nil {
			return nil, nil, err
		}
	}
	if err := k.use(op); err != nil {
		return nil, nil, err
	}
	defer k.handle.unuse()
	var (
		raw C.uintptr_t
		err C.neo_error_t
	)
	status := C.neo_go_service_open(k.handle.raw, letters(name), C.size_t(len(name)), o.depth,
		&raw, &err)
	if status != C.NEO_OK {
		return nil, nil, failure(op, status, &err)
	}
	s := &Service{source: new(source), name: name}
	s.source.open(raw, C.NEO_GO_SERVICE_HANDLE, C.NEO_GO_SERVICE, o.wait, op)
	s.cleanup = backstop(s, &s.source.handle)
	return s, o, nil
}

// Name is the service's name.
func (s *Service) Name() string { return s.name }

// Close leaves the service: whoever waits returns with ErrClosed, and requests that nobody is left to
// take are answered with ErrNoReply. Handlers that run are not waited for; Shutdown does that. Closing
// twice does nothing.
func (s *Service) Close() error {
	s.cleanup.Stop()
	s.source.close()
	if s.cancel != nil {
		s.cancel()
	}
	return nil
}

// Shutdown closes the service, and waits until no handler runs, or until ctx ends. A handler must not
// call it.
func (s *Service) Shutdown(ctx context.Context) error {
	s.Close()
	ended := make(chan struct{})
	go func() {
		s.handlers.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return done(s.op(), ctx)
	}
}

// Recv takes the next request and waits for it until ctx ends. If ctx ends it, no request was taken.
//
// Errors: ErrClosed once the service or its kernel is closed; the context's.
func (s *Service) Recv(ctx context.Context) (*Request, error) {
	request := new(Request)
	if err := s.recv(ctx, request); err != nil {
		return nil, err
	}
	request.own()
	return request, nil
}

// TryRecv takes the next request if one is there; nil if none is. It does not wait.
func (s *Service) TryRecv() (*Request, error) {
	if !s.source.use() {
		return nil, s.closed()
	}
	defer s.source.unuse()
	request := new(Request)
	came, err := s.tryRecv(request)
	if !came {
		return nil, err
	}
	request.own()
	return request, nil
}

// recv takes a request; who calls it answers the raw handle.
func (s *Service) recv(ctx context.Context, request *Request) error {
	if ctx.Err() != nil {
		return done(s.op(), ctx)
	}
	if !s.source.use() {
		return s.closed()
	}
	defer s.source.unuse()
	w, err := s.source.tryEnter()
	if err != nil {
		return err
	}
	if w == nil {
		// Another goroutine waits. It may not have heard of what is there.
		if came, err := s.tryRecv(request); came || err != nil {
			return err
		}
		if w, err = s.source.enter(ctx); err != nil {
			return err
		}
	}
	defer s.source.leave()
	if err := s.source.await(ctx, lookForRequest); err != nil {
		return err
	}
	request.read(s, &w.item)
	return nil
}

func lookForRequest(w *waiter, poller C.uintptr_t) C.int32_t {
	return C.neo_go_service_recv(w.target, poller, &w.item, &w.err)
}

// tryRecv takes a request if one is there. The caller uses the source.
func (s *Service) tryRecv(request *Request) (bool, error) {
	var (
		item C.neo_go_item_t
		err  C.neo_error_t
	)
	switch status := C.neo_go_service_recv(s.source.raw, 0, &item, &err); status {
	case C.NEO_OK:
		request.read(s, &item)
		return true, nil
	case C.NEO_AGAIN:
		return false, nil
	default:
		return false, failure(s.op(), status, &err)
	}
}

func (s *Service) op() string { return s.source.op }

func (s *Service) closed() error { return fail(ErrClosed, s.op(), "the service is closed") }

// Request is a request with the right to answer it once. If it is released or collected unanswered, its
// caller gets ErrNoReply.
type Request struct {
	// Method is what was called.
	Method string
	// Data is the argument. It belongs to the garbage collector.
	Data []byte

	raw     C.uintptr_t
	ended   atomic.Bool
	handle  *handle
	cleanup runtime.Cleanup
}

func (r *Request) read(s *Service, item *C.neo_go_item_t) {
	r.Method = intern(&s.method, foreign(&item.topic, item.topic_len))
	r.Data = append([]byte{}, foreign(&item.data, item.data_len)...)
	r.raw = item.msg
}

// own sees to it that the request is given back even if it is forgotten.
func (r *Request) own() {
	r.handle = &handle{raw: r.raw, kind: C.NEO_GO_REQUEST_HANDLE}
	r.cleanup = backstop(r, r.handle)
}

// Reply answers the request. It does not wait; a caller that no longer waits is no error.
//
// Errors: ErrTooLarge or ErrFull if the answer has no room, of which the caller is told as well;
// ErrMisuse if the request was answered or released.
func (r *Request) Reply(data []byte) error { return r.answer(data, 0) }

// Fail answers the request with an error: its caller gets ErrService with the text, of which 180 bytes
// travel.
//
// Errors: ErrMisuse if the request was answered or released.
func (r *Request) Fail(text string) error { return r.answer([]byte(text), 1) }

func (r *Request) answer(data []byte, isError C.uint8_t) error {
	op := "reply to " + r.Method
	if !r.ended.CompareAndSwap(false, true) {
		return fail(ErrMisuse, op, "the request was answered or released")
	}
	r.forget()
	var err C.neo_error_t
	status := C.neo_go_reply(r.raw, address(data), C.size_t(len(data)), isError, &err)
	if status != C.NEO_OK {
		return failure(op, status, &err)
	}
	return nil
}

// Release drops the request. Unanswered, its caller gets ErrNoReply. Releasing twice does nothing.
func (r *Request) Release() {
	if r.ended.CompareAndSwap(false, true) {
		r.forget()
		C.neo_go_release(C.NEO_GO_REQUEST_HANDLE, r.raw)
	}
}

// forget takes the reference from the backstop.
func (r *Request) forget() {
	if r.handle != nil {
		r.cleanup.Stop()
		r.handle.state.Store(closing | freed)
	}
}
