package neo

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
)

func TestClosedHandlesSaySo(t *testing.T) {
	ctx, k := begin(t)
	s, p := subscribe(t, k, "n"), publisher(t, k, "n")
	service := got(k.Service("s"))(t)
	for range 2 {
		must(t, s.Close())
		must(t, p.Close())
		must(t, service.Close())
	}
	ask := []func() error{
		func() error { _, err := s.Recv(ctx); return err },
		func() error { _, err := s.TryRecv(); return err },
		func() error { _, err := s.RecvView(ctx); return err },
		func() error { _, err := s.RecvBatch(ctx, nil); return err },
		func() error { _, err := s.TakeLost(); return err },
		func() error { _, err := s.Queued(); return err },
		func() error { _, err := p.Publish(ctx, nil); return err },
		func() error { _, err := p.PublishBatch(ctx, [][]byte{nil}); return err },
		func() error { _, err := p.Loan(1); return err },
		func() error { _, err := service.Recv(ctx); return err },
		func() error { _, err := service.TryRecv(); return err },
	}
	for range 2 {
		must(t, k.Close())
	}
	equal(t, k.Closed(), true)
	ask = append(ask,
		func() error { _, err := k.Subscribe("n"); return err },
		func() error { _, err := k.Publisher("n"); return err },
		func() error { _, err := k.Publish(ctx, "n", nil); return err },
		func() error { _, err := k.Service("s"); return err },
		func() error { _, err := k.Call(ctx, "s", "m", nil); return err },
		func() error { _, err := k.StartCall("s", "m", nil); return err },
		func() error { _, err := k.Trim(); return err },
		func() error { _, err := k.Counters(); return err },
		func() error { _, err := k.Maintain(); return err },
	)
	for i, f := range ask {
		if err := f(); err == nil || !strings.Contains(err.Error(), "closed") {
			t.Errorf("%d: %v", i, err)
		} else {
			wants(t, err, ErrClosed)
		}
	}
	equal(t, k.MaintainFD(), -1)
}

func TestClosingWakesWhoWaits(t *testing.T) {
	ctx, k := begin(t)
	errs := make(chan error)
	wait := func(waits func() error, source *source, close func() error) {
		go func() { errs <- waits() }()
		if source != nil {
			parked(t, source)
		}
		must(t, close())
		wants(t, <-errs, ErrClosed)
	}
	s := subscribe(t, k, "n")
	wait(func() error { _, err := s.Recv(ctx); return err }, s.source, s.Close)
	service := got(k.Service("s"))(t)
	wait(func() error { _, err := service.Recv(ctx); return err }, service.source, service.Close)
	other := subscribe(t, k, "n")
	full := subscribe(t, k, "full", WithDepth(1), WithPolicy(Block))
	got(k.Publish(ctx, "full", nil))(t)
	p := publisher(t, k, "full", WithSendTimeout(Forever))
	go func() { _, err := p.Publish(ctx, nil); errs <- err }()
	go func() { _, err := full.Recv(ctx); errs <- err }()
	must(t, <-errs)
	must(t, <-errs)
	wait(func() error { _, err := other.Recv(ctx); return err }, other.source, k.Close)
}

func TestHandlesMayBeClosedWhileOthersUseThem(t *testing.T) {
	ctx, k := begin(t)
	for range 50 {
		s, p := subscribe(t, k, "n"), publisher(t, k, "n")
		var users sync.WaitGroup
		for range 4 {
			users.Add(2)
			go func() {
				defer users.Done()
				for err := error(nil); err == nil; {
					_, err = s.Recv(ctx)
				}
			}()
			go func() {
				defer users.Done()
				for err := error(nil); err == nil; {
					_, err = p.Publish(ctx, []byte("x"))
				}
			}()
		}
		runtime.Gosched()
		s.Close()
		p.Close()
		users.Wait()
	}
}

func TestReceivedMessagesOutliveWhatTheyCameFrom(t *testing.T) {
	ctx, k := begin(t)
	s := got(k.Subscribe("n"))(t)
	got(k.Publish(ctx, "n", []byte("small")))(t)
	got(k.Publish(ctx, "n", []byte(strings.Repeat("large", 1000))))(t)
	m, v := got(s.Recv(ctx))(t), got(s.RecvView(ctx))(t)
	s.Close()
	k.Close()
	runtime.GC()
	equal(t, string(m.Data), "small")
	equal(t, string(v.Data()[4995:]), "large")
	v.Release()
	v.Release()
	defer func() {
		if text, _ := recover().(string); !strings.Contains(text, "after View.Release") {
			t.Errorf("it panicked with %q", text)
		}
	}()
	v.Data()
}

// The detector detects: what is planted here is found, and the garbage collector gives it back.
func TestWhatIsForgottenIsFoundAndGivenBack(t *testing.T) {
	before := forgotten.Load()
	func() {
		// Nothing is given back before it was counted.
		defer debug.SetGCPercent(debug.SetGCPercent(-1))
		k := got(Open("mem://"))(t)
		ctx := context.Background()
		s := got(k.Subscribe("n"))(t)
		got(k.Publisher("n"))(t)
		got(got(k.Publisher("n"))(t).Loan(10))(t)
		got(k.Publish(ctx, "n", []byte("x")))(t)
		got(s.RecvView(ctx))(t)
		service := got(k.Service("s"))(t)
		got(k.StartCall("s", "m", nil))(t)
		got(service.Recv(ctx))(t)
		for _, kind := range []string{
			"kernels", "subscriptions", "publishers", "loans", "messages", "services", "requests", "calls",
		} {
			if Live()[kind] == 0 {
				t.Errorf("no %s are counted: %v", kind, Live())
			}
		}
		runtime.KeepAlive(service)
		runtime.KeepAlive(s)
	}()
	collected(t, func() bool { return len(Live()) == 0 })
	if forgotten.Load() == before {
		t.Error("it was not noticed")
	}
}

func TestAViewThatIsCollectedBeforeOrAfterItsSubscriptionIsGivenBack(t *testing.T) {
	ctx, k := begin(t)
	before := forgotten.Load()
	for range 2 {
		s := got(k.Subscribe("n"))(t)
		func() {
			got(k.Publish(ctx, "n", make([]byte, 5000)))(t)
			v := got(s.RecvView(ctx))(t)
			data := v.Data()
			s.Close()
			runtime.GC()
			equal(t, len(data), 5000)
			equal(t, data[4999], 0)
			runtime.KeepAlive(v)
		}()
		collected(t, func() bool { return Live()["messages"] == 0 })
	}
	forgotten.Store(before)
}

func TestNoGoroutineHoldsAThread(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux lists threads in /proc")
	}
	ctx, k := begin(t)
	const waiting = 200
	before := got(os.ReadDir("/proc/self/task"))(t)
	short, cancel := context.WithCancel(ctx)
	var gone sync.WaitGroup
	for range waiting {
		s := subscribe(t, k, "n")
		gone.Add(1)
		go func() {
			defer gone.Done()
			s.Recv(short)
		}()
		parked(t, s.source)
	}
	tasks := got(os.ReadDir("/proc/self/task"))(t)
	if more := len(tasks) - len(before); more > waiting/2 {
		t.Errorf("%d goroutines wait and there are %d threads more", waiting, more)
	}
	cancel()
	gone.Wait()
}

func TestOptionsAreHeldToTheirLimits(t *testing.T) {
	ctx, k := begin(t)
	for i, f := range []func() error{
		func() error { _, err := Open("orders"); return err },
		func() error { _, err := Open(""); return err },
		func() error { _, err := Open("mem://", WithMemory(-1)); return err },
		func() error { _, err := Open("mem://", WithSubscriptions(-1)); return err },
		func() error { _, err := Open("mem://", WithCallsInFlight(1<<40)); return err },
		func() error { _, err := Open("mem://", WithParticipants(0)); return err },
		func() error { _, err := k.Subscribe(""); return err },
		func() error { _, err := k.Subscribe("a..b"); return err },
		func() error { _, err := k.Subscribe("a", WithDepth(0)); return err },
		func() error { _, err := k.Subscribe("a", WithDepth(-1)); return err },
		func() error { _, err := k.Subscribe("a", WithDepth(1<<40)); return err },
		func() error { _, err := k.Subscribe("a", WithPolicy(77)); return err },
		func() error { _, err := k.Subscribe("a", WithMailboxBytes(-1)); return err },
		func() error { _, err := k.Subscribe("\xff"); return err },
		func() error { _, err := k.Publisher("a.*"); return err },
		func() error { _, err := k.Publish(ctx, "", nil); return err },
		func() error { _, err := k.Service(""); return err },
		func() error { _, err := k.Serve(ctx, "s", upper, WithConcurrency(0)); return err },
		func() error { _, err := k.Call(ctx, "", "m", nil); return err },
		func() error { _, err := NewClient(ClientConfig{MemoryBytes: -1}); return err },
	} {
		if err := f(); err == nil {
			t.Errorf("%d: it was accepted", i)
		} else {
			wants(t, err, ErrInvalid)
		}
	}
	_, err := Open("wss://host:1")
	wants(t, err, ErrUnsupported)
	_, err = k.Publish(ctx, "n", make([]byte, 1<<30))
	wants(t, err, ErrTooLarge)
	equal(t, ErrClosed.Symbol(), "NEO_E_CLOSED")
}

func TestCountersCountEveryMessage(t *testing.T) {
	ctx, k := begin(t)
	s := subscribe(t, k, "n", WithDepth(2))
	for range 5 {
		got(k.Publish(ctx, "n", nil))(t)
	}
	got(s.Recv(ctx))(t)
	counters := got(k.Counters())(t)
	equal(t, len(counters.Routes), 1)
	equal(t, counters.Routes[0], Route{
		Pattern: "n", Policy: DropOldest, Depth: 2, Accepted: 5, Delivered: 1, Lost: 3, Queued: 1,
	})
	got(k.Trim())(t)
	if Version() == "" {
		t.Error("the library has no version")
	}
}

func TestAClientIsConnectedBeforeItIsUsed(t *testing.T) {
	ctx, _ := begin(t)
	client := got(NewClient(ClientConfig{URL: "mem://", CallTimeout: patience}))(t)
	_, err := client.Call(ctx, "s", "m", nil)
	wants(t, err, ErrMisuse)
	must(t, client.Connect(ctx))
	must(t, client.Connect(ctx))
	s := got(client.Subscribe("n"))(t)
	defer s.Close()
	p := got(client.Publisher("n"))(t)
	defer p.Close()
	got(client.Publish(ctx, "n", []byte("x")))(t)
	equal(t, string(got(s.Recv(ctx))(t).Data), "x")
	service := got(client.Serve(ctx, "s", upper))(t)
	equal(t, string(got(client.Call(ctx, "s", "m", []byte("x")))(t)), "X")
	must(t, client.Close())
	must(t, client.Close())
	must(t, service.Shutdown(ctx))
	_, err = client.Publish(ctx, "n", nil)
	wants(t, err, ErrClosed)
	wants(t, client.Connect(ctx), ErrClosed)
	short, cancel := context.WithCancel(ctx)
	cancel()
	wants(t, got(NewClient(DefaultClientConfig()))(t).Connect(short), context.Canceled)
}
