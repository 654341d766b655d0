package neo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// child is what a process does that a test has started.
func child(role string) {
	ctx := context.Background()
	kernel, err := Open("mem://", WithCallTimeout(patience))
	if err != nil {
		panic(err)
	}
	subscription, err := kernel.Subscribe("n.>")
	if err != nil {
		panic(err)
	}
	switch role {
	case "refused":
		refused(ctx, subscription)
	case "interrupted":
		ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
		defer stop()
		fmt.Println("waits")
		_, err := subscription.Recv(ctx)
		fmt.Println(errors.Is(err, context.Canceled))
	case "alive":
		// Ends while goroutines wait, publish, and serve.
		for range 4 {
			go func() {
				for m := range subscription.All(ctx) {
					_ = m
				}
			}()
			go func() {
				for {
					kernel.Publish(ctx, "n.a", []byte("x"))
				}
			}()
		}
		kernel.Serve(ctx, "s", func(context.Context, *Request) ([]byte, error) { return nil, nil })
		if _, err := kernel.Call(ctx, "s", "m", nil); err != nil {
			panic(err)
		}
	}
}

// refused waits on a subscription while the process may open no more files, and then again.
func refused(ctx context.Context, subscription *Subscription) {
	wait := func(limit time.Duration) error {
		soon, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		_, err := subscription.Recv(soon)
		return err
	}
	// Go's netpoller takes descriptors of its own at its first use, and ends the process without them.
	if _, _, err := os.Pipe(); err != nil {
		panic(err)
	}
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		panic(err)
	}
	none := syscall.Rlimit{Cur: 3, Max: files.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		panic(err)
	}
	err := wait(patience)
	fmt.Println(errors.Is(err, ErrOS), errors.Is(err, syscall.EMFILE), err)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		panic(err)
	}
	fmt.Println(errors.Is(wait(time.Millisecond), ErrTimeout))
}

func start(t *testing.T, role string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	command := exec.CommandContext(ctx, os.Args[0])
	command.Env = append(os.Environ(), "NEO_GO_CHILD="+role)
	return command
}

func TestProcessesEndWithLiveSubscribers(t *testing.T) {
	processes := 40
	if text := os.Getenv("NEO_TEST_PROCESSES"); text != "" {
		processes = got(strconv.Atoi(text))(t)
	}
	for i := range processes {
		if output, err := start(t, "alive").CombinedOutput(); err != nil {
			t.Fatalf("process %d: %v\n%s", i, err, output)
		}
	}
}

func TestCtrlCEndsAWait(t *testing.T) {
	command := start(t, "interrupted")
	pipe := got(command.StdoutPipe())(t)
	must(t, command.Start())
	lines := bufio.NewScanner(pipe)
	lines.Scan()
	equal(t, lines.Text(), "waits")
	must(t, command.Process.Signal(syscall.SIGINT))
	lines.Scan()
	equal(t, lines.Text(), "true")
	must(t, command.Wait())
}

func TestWithoutCgoTheCompilerSaysWhatIsNeeded(t *testing.T) {
	command := exec.Command("go", "build", ".")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	output, err := command.CombinedOutput()
	if err == nil || !strings.Contains(string(output), "neo_needs_CGO_ENABLED_1") {
		t.Errorf("%v: %s", err, output)
	}
}

func TestWhatTheSystemRefusesHasItsNumber(t *testing.T) {
	t.Setenv("NEO_SHM_DIR", "/dev/null/names")
	_, err := Open("shm://neo-go-refused")
	wants(t, err, ErrOS)
	if !errors.Is(err, syscall.ENOTDIR) {
		t.Fatalf("no ENOTDIR in %v", err)
	}
}

func TestAWaitWithoutADescriptorSaysWhatToDoAndServesWhenThereIsOne(t *testing.T) {
	output := got(start(t, "refused").Output())(t)
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	equal(t, len(lines), 2)
	if !strings.HasPrefix(lines[0], "true true ") || !strings.Contains(lines[0], "raise the limit") {
		t.Errorf("%s", lines[0])
	}
	equal(t, lines[1], "true")
}

func TestANameThatNobodyHasOpenIsNotFound(t *testing.T) {
	_, err := Open("shm://neo-go-nobody", WithExistingOnly())
	wants(t, err, ErrNotFound)
}
