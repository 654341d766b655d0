//go:build linux

package main

// static void noop(void) {}
import "C"

import (
	"context"
	"os"
	"syscall"
	"time"

	neo "github.com/neo-qiss/messaging-kernel/bindings/go"
)

const batch = 256

var (
	ctx     = context.Background()
	payload = make([]byte, 64)
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// each is the time of one of many turns, in nanoseconds.
func each(turns int, turn func()) float64 {
	started := time.Now()
	for range turns {
		turn()
	}
	return float64(time.Since(started).Nanoseconds()) / float64(turns)
}

// empty is the cost of a call of C that does nothing.
func empty() float64 {
	const turns = 20_000
	started := time.Now()
	for range turns {
		C.noop()
	}
	return float64(time.Since(started).Nanoseconds()) / turns
}

// pair is a kernel with a subscription and a publisher of one topic.
func pair() (*neo.Subscription, *neo.Publisher, func()) {
	kernel := must(neo.Open("mem://"))
	s, p := must(kernel.Subscribe("n", neo.WithMailboxBytes(64<<20))), must(kernel.Publisher("n"))
	return s, p, func() {
		s.Close()
		p.Close()
		kernel.Close()
	}
}

// publish publishes one by one, to a subscription that is emptied in between.
func publish() (func() float64, func()) {
	s, p, end := pair()
	messages := make([]neo.Message, 0, batch)
	return halves(true, func() {
		for range batch {
			must(p.Publish(ctx, payload))
		}
	}, func() { messages = must(s.RecvBatch(ctx, messages[:0])) }), end
}

// batches publishes and receives batches in turn; the time of one half, per message.
func batches(ofPublish bool) (func() float64, func()) {
	s, p, end := pair()
	payloads := make([][]byte, batch)
	for i := range payloads {
		payloads[i] = make([]byte, 64)
	}
	messages := make([]neo.Message, 0, batch)
	return halves(ofPublish, func() { must(p.PublishBatch(ctx, payloads)) }, func() {
		messages = must(s.RecvBatch(ctx, messages[:0]))
		if len(messages) != batch {
			panic("the batch is not whole")
		}
	}), end
}

// channel does with a channel what batches does.
func channel(ofSend bool) (func() float64, func()) {
	messages := make(chan []byte, batch)
	return halves(ofSend, func() {
		for range batch {
			messages <- payload
		}
	}, func() {
		for range batch {
			<-messages
		}
	}), func() {}
}

func halves(first bool, send, receive func()) func() float64 {
	const rounds = 40
	return func() float64 {
		var taken time.Duration
		for range rounds {
			started := time.Now()
			send()
			between := time.Now()
			receive()
			if first {
				taken += between.Sub(started)
			} else {
				taken += time.Since(between)
			}
		}
		return float64(taken.Nanoseconds()) / rounds / batch
	}
}

func recv() (func() float64, func()) {
	s, p, end := pair()
	return halves(false, func() {
		for range batch {
			must(p.Publish(ctx, payload))
		}
	}, func() {
		for range batch {
			must(s.Recv(ctx))
		}
	}), end
}

// view is what it costs to see a payload of 1 MiB where it lies.
func view() (func() float64, func()) {
	s, p, end := pair()
	return func() float64 {
		const messages = 16
		for range messages {
			must(must(p.Loan(1 << 20)).Send(ctx))
		}
		return each(messages, func() {
			v := must(s.RecvView(ctx))
			if len(v.Data()) != 1<<20 {
				panic("it is another message")
			}
			v.Release()
		})
	}, end
}

const roundTrips = 1000

func call(wait neo.Wait) (func() float64, func()) {
	kernel := must(neo.Open("mem://"))
	echo := func(_ context.Context, request *neo.Request) ([]byte, error) { return payload, nil }
	service := must(kernel.Serve(ctx, "echo", echo, neo.WithWait(wait)))
	return func() float64 {
			return each(roundTrips, func() { must(kernel.Call(ctx, "echo", "m", payload)) })
		}, func() {
			service.Shutdown(ctx)
			kernel.Close()
		}
}

// eventfds is a round trip between two goroutines that sleep in the netpoller.
func eventfds() (func() float64, func()) {
	there, back := eventfd(), eventfd()
	one := []byte{1, 0, 0, 0, 0, 0, 0, 0}
	go func() {
		read := make([]byte, 8)
		for {
			if _, err := there.Read(read); err != nil {
				return
			}
			must(back.Write(one))
		}
	}()
	read := make([]byte, 8)
	return func() float64 {
			return each(roundTrips, func() {
				must(there.Write(one))
				must(back.Read(read))
			})
		}, func() {
			there.Close()
			back.Close()
		}
}

func eventfd() *os.File {
	const flags = syscall.O_NONBLOCK | syscall.O_CLOEXEC
	fd, _, errno := syscall.Syscall(syscall.SYS_EVENTFD2, 0, flags, 0)
	if errno != 0 {
		panic(errno)
	}
	return os.NewFile(fd, "eventfd")
}

// channels is a round trip between two goroutines by unbuffered channels.
func channels() (func() float64, func()) {
	there, back := make(chan []byte), make(chan []byte)
	go func() {
		for message := range there {
			back <- message
		}
		close(back)
	}()
	return func() float64 {
		return each(roundTrips, func() {
			there <- payload
			<-back
		})
	}, func() { close(there) }
}
