package neo

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func upper(_ context.Context, r *Request) ([]byte, error) { return bytes.ToUpper(r.Data), nil }

func serve(t *testing.T, k *Kernel, name string, handler Handler, o ...ServiceOption) *Service {
	t.Helper()
	s := got(k.Serve(context.Background(), name, handler, o...))(t)
	t.Cleanup(func() { must(t, s.Shutdown(context.Background())) })
	return s
}

func TestACallIsAnswered(t *testing.T) {
	ctx, k := begin(t)
	s := serve(t, k, "s", upper)
	equal(t, string(got(k.Call(ctx, "s", "m", []byte("abc")))(t)), "ABC")
	large := bytes.Repeat([]byte("x"), 1<<20)
	equal(t, len(got(k.Call(ctx, "s", "m", large))(t)), 1<<20)
	equal(t, len(got(k.Call(ctx, "s", "m", nil))(t)), 0)
	equal(t, s.Name(), "s")
}

func TestManyCallersAreAnsweredAtATime(t *testing.T) {
	ctx, k := begin(t)
	serve(t, k, "s", upper, WithConcurrency(3))
	var callers sync.WaitGroup
	for range 100 {
		callers.Add(1)
		go func() {
			defer callers.Done()
			for range 20 {
				if answer, err := k.Call(ctx, "s", "m", []byte("x")); string(answer) != "X" {
					t.Errorf("answered %q, %v", answer, err)
				}
			}
		}()
	}
	callers.Wait()
}

func TestWhatAHandlerReturnsOrPanicsWithIsTheCallersError(t *testing.T) {
	ctx, k := begin(t)
	panics := make(chan Panic, 1)
	serve(t, k, "s", func(ctx context.Context, r *Request) ([]byte, error) {
		switch r.Method {
		case "fail":
			return nil, errors.New("no gate for ZZ9")
		case "panic":
			panic("out of gates")
		case "exit":
			runtime.Goexit()
		case "release":
			r.Release()
		case "reply":
			return nil, r.Reply([]byte("by itself"))
		}
		return []byte("ok"), nil
	}, WithPanicHook(func(p Panic) { panics <- p }))
	_, err := k.Call(ctx, "s", "fail", nil)
	wants(t, err, ErrService)
	var e *Error
	if !errors.As(err, &e) || e.Text != "no gate for ZZ9" || e.Op != "call s/fail" {
		t.Fatalf("the error is %#v", err)
	}
	_, err = k.Call(ctx, "s", "panic", nil)
	wants(t, err, ErrService)
	if !strings.Contains(err.Error(), "out of gates") {
		t.Error(err)
	}
	p := <-panics
	if p.Method != "panic" || p.Value != "out of gates" || !bytes.Contains(p.Stack, []byte("service_test.go")) {
		t.Errorf("the hook was told %s of %v at %s", p.Method, p.Value, p.Stack)
	}
	for _, method := range []string{"exit", "release"} {
		_, err = k.Call(ctx, "s", method, nil)
		wants(t, err, ErrNoReply)
	}
	equal(t, string(got(k.Call(ctx, "s", "reply", nil))(t)), "by itself")
	equal(t, string(got(k.Call(ctx, "s", "ok", nil))(t)), "ok")
}

func TestACallThatNobodyAnswersEnds(t *testing.T) {
	ctx, k := begin(t, WithCallTimeout(20*time.Millisecond))
	_, err := k.Call(ctx, "nobody", "m", nil)
	wants(t, err, ErrNoResponder)
	s := got(k.Service("s"))(t)
	_, err = k.Call(ctx, "s", "m", nil)
	wants(t, err, ErrTimeout)
	if errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v: it was the kernel's timeout", err)
	}
	must(t, s.Close())
	_, err = k.Call(ctx, "s", "m", nil)
	wants(t, err, ErrNoResponder)
}

func TestACallEndsWithItsContext(t *testing.T) {
	ctx, k := begin(t, WithCallTimeout(Forever))
	s := got(k.Service("s"))(t)
	defer s.Close()
	short, cancel := context.WithCancel(ctx)
	taken := make(chan *Request, 1)
	go func() {
		request, _ := s.Recv(ctx)
		cancel()
		taken <- request
	}()
	_, err := k.Call(short, "s", "m", nil)
	wants(t, err, ErrInterrupted)
	wants(t, err, context.Canceled)
	// Nobody waits for the answer any more.
	must(t, (<-taken).Reply(nil))
	equal(t, got(k.Counters())(t).LateReplies, 1)
}

func TestACallWithoutTimeSendsNothing(t *testing.T) {
	ctx, k := begin(t, WithCallTimeout(0))
	s := got(k.Serve(ctx, "s", func(_ context.Context, request *Request) ([]byte, error) {
		return request.Data, nil
	}))(t)
	defer s.Close()
	_, err := k.Call(ctx, "s", "m", nil)
	wants(t, err, ErrTimeout)
	equal(t, got(k.Counters())(t).Routes[0].Accepted, 0)
}

func TestRequestsArePulledAndAnsweredOnce(t *testing.T) {
	ctx, k := begin(t)
	s := got(k.Service("s", WithDepth(4)))(t)
	defer s.Close()
	if r, err := s.TryRecv(); r != nil || err != nil {
		t.Fatalf("received %v, %v", r, err)
	}
	call := got(k.StartCall("s", "m", []byte("abc")))(t)
	defer call.Close()
	r := got(s.Recv(ctx))(t)
	equal(t, r.Method+" "+string(r.Data), "m abc")
	must(t, r.Reply([]byte("first")))
	wants(t, r.Reply([]byte("second")), ErrMisuse)
	wants(t, r.Fail("third"), ErrMisuse)
	r.Release()
	equal(t, string(got(call.Wait(ctx))(t)), "first")
	_, err := call.Wait(ctx)
	wants(t, err, ErrMisuse)

	failed := got(k.StartCall("s", "m", nil))(t)
	defer failed.Close()
	must(t, got(s.TryRecv())(t).Fail("no"))
	_, err = failed.Wait(ctx)
	wants(t, err, ErrService)
	dropped := got(k.StartCall("s", "m", nil))(t)
	defer dropped.Close()
	got(s.Recv(ctx))(t).Release()
	_, err = dropped.Wait(ctx)
	wants(t, err, ErrNoReply)
}

func TestAStartedCallGoesOnWhenAWaitEnds(t *testing.T) {
	ctx, k := begin(t)
	s := got(k.Service("s"))(t)
	defer s.Close()
	call := got(k.StartCall("s", "m", []byte("x")))(t)
	short, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	_, err := call.Wait(short)
	wants(t, err, context.DeadlineExceeded)
	must(t, got(s.Recv(ctx))(t).Reply([]byte("y")))
	equal(t, string(got(call.Wait(ctx))(t)), "y")
	must(t, call.Close())

	given := got(k.StartCall("s", "m", nil))(t)
	waits := make(chan error)
	go func() {
		_, err := given.Wait(ctx)
		waits <- err
	}()
	must(t, given.Close())
	must(t, given.Close())
	if err := <-waits; !errors.Is(err, ErrMisuse) && !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	_, err = given.Wait(ctx)
	wants(t, err, ErrClosed)
}

func TestAServiceEndsWithItsContextOrItsKernel(t *testing.T) {
	ctx, k := begin(t)
	serving, cancel := context.WithCancel(ctx)
	inside := make(chan struct{})
	s := got(k.Serve(serving, "s", func(ctx context.Context, _ *Request) ([]byte, error) {
		close(inside)
		<-ctx.Done()
		return nil, ctx.Err()
	}))(t)
	call := got(k.StartCall("s", "m", nil))(t)
	defer call.Close()
	<-inside
	cancel()
	_, err := call.Wait(ctx)
	wants(t, err, ErrService)
	must(t, s.Shutdown(ctx))
	_, err = k.Call(ctx, "s", "m", nil)
	wants(t, err, ErrNoResponder)

	other := got(k.Serve(ctx, "t", upper))(t)
	k.Close()
	must(t, other.Shutdown(ctx))
	_, err = k.Serve(ctx, "u", nil)
	wants(t, err, ErrInvalid)
	_, err = k.Serve(ctx, "u", upper)
	wants(t, err, ErrClosed)
}

// Whoever closes last must not return before the first has closed.
func TestAServiceIsClosedWhenAnyOfTwoClosesReturns(t *testing.T) {
	ctx, k := begin(t)
	for range 2000 {
		s := got(k.Service("s"))(t)
		errs := make(chan error)
		for range 2 {
			go func() {
				s.Close()
				_, err := k.Call(ctx, "s", "m", nil)
				errs <- err
			}()
		}
		wants(t, <-errs, ErrNoResponder)
		wants(t, <-errs, ErrNoResponder)
	}
}

func TestShutdownWaitsForTheHandlerOrForItsContext(t *testing.T) {
	ctx, k := begin(t)
	inside, leave := make(chan struct{}), make(chan struct{})
	s := got(k.Serve(ctx, "s", func(context.Context, *Request) ([]byte, error) {
		close(inside)
		<-leave
		return []byte("late"), nil
	}))(t)
	call := got(k.StartCall("s", "m", nil))(t)
	defer call.Close()
	<-inside
	short, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	wants(t, s.Shutdown(short), context.DeadlineExceeded)
	close(leave)
	must(t, s.Shutdown(ctx))
	equal(t, string(got(call.Wait(ctx))(t)), "late")
}
