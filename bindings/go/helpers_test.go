package neo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// patience is far beyond what any step needs: a wait that reaches it has been lost.
const patience = 2 * time.Minute

func TestMain(m *testing.M) {
	if role := os.Getenv("NEO_GO_CHILD"); role != "" {
		child(role)
		return
	}
	os.Exit(m.Run())
}

// settled waits until nothing of the library is alive; what is, if that does not come.
func settled() map[string]uint64 {
	for deadline := time.Now().Add(patience); ; runtime.Gosched() {
		live := Live()
		if len(live) == 0 || time.Now().After(deadline) {
			return live
		}
	}
}

// begin opens a kernel for a test, which fails if at its end something lives, or was left to the garbage
// collector.
func begin(t *testing.T, options ...Option) (context.Context, *Kernel) {
	t.Helper()
	before := forgotten.Load()
	t.Cleanup(func() {
		if live := settled(); len(live) > 0 {
			t.Errorf("after the test these live: %v", live)
		}
		if left := forgotten.Load() - before; left != 0 {
			t.Errorf("%d handles were left to the garbage collector", left)
		}
	})
	// Calls, too, wait as long as everything else, unless the test asks for less.
	kernel, err := Open("mem://", append([]Option{WithCallTimeout(patience)}, options...)...)
	must(t, err)
	t.Cleanup(func() { kernel.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx, kernel
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// got is the value of a call that must succeed.
func got[T any](value T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		must(t, err)
		return value
	}
}

func wants(t *testing.T, err error, code error) {
	t.Helper()
	if !errors.Is(err, code) {
		t.Fatalf("the error is %v, not %v", err, code)
	}
}

func equal[T comparable](t *testing.T, found, wanted T) {
	t.Helper()
	if found != wanted {
		t.Fatalf("found %v, wanted %v", found, wanted)
	}
}

func subscribe(t *testing.T, k *Kernel, pattern string, options ...SubscribeOption) *Subscription {
	t.Helper()
	s := got(k.Subscribe(pattern, options...))(t)
	t.Cleanup(func() { s.Close() })
	return s
}

func publisher(t *testing.T, k *Kernel, topic string, options ...PublisherOption) *Publisher {
	t.Helper()
	p := got(k.Publisher(topic, options...))(t)
	t.Cleanup(func() { p.Close() })
	return p
}

// collected runs the garbage collector until done says so.
func collected(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); {
		if time.Now().After(deadline) {
			t.Fatal("the garbage collector did not give it back")
		}
		runtime.GC()
	}
}

// parked waits until a goroutine sleeps for a source: it has the turn and has armed.
func parked(t *testing.T, s *source) {
	t.Helper()
	for deadline := time.Now().Add(patience); len(s.turn) == 0; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("nobody waits")
		}
	}
}

func number(i int) []byte { return fmt.Appendf(nil, "%d", i) }
