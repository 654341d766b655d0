package main

import (
	"context"
	"errors"
	"sync"
	"time"

	neo "github.com/neo-qiss/messaging-kernel/bindings/go"
	"github.com/neo-qiss/messaging-kernel/examples/go/internal/month"
)

const (
	batchMax  = 256
	slowPause = time.Millisecond
)

// A role is a subscription, or the three that form the group.
type role struct {
	name, pattern, group string
	policy               neo.Policy
	depth                int // of the view: topics
}

var (
	jfk   = role{name: "jfk", pattern: "flights.JFK.>", policy: neo.Block, depth: 4096}
	desks = role{
		name: "desks", pattern: "flights.>", group: "desks", policy: neo.Block, depth: 4096,
	}
	board = role{name: "board", pattern: "flights.>", policy: neo.Latest, depth: 512}
	slow  = role{name: "slow", pattern: "flights.>", policy: neo.DropOldest, depth: 64}
)

// A reader is a subscription and what was counted of it.
type reader struct {
	role               role
	subscription       *neo.Subscription
	received, toldLost uint64

	lock sync.Mutex
	sums *month.Tally
}

func open(kernel *neo.Kernel, as role) (*reader, error) {
	options := []neo.SubscribeOption{neo.WithPolicy(as.policy), neo.WithDepth(as.depth)}
	if as.group != "" {
		options = append(options, neo.WithGroup(as.group))
	}
	subscription, err := kernel.Subscribe(as.pattern, options...)
	return &reader{role: as, subscription: subscription, sums: month.NewTally()}, err
}

func (r *reader) note(message *neo.Message) {
	r.received++
	r.toldLost += message.LostBefore
}

// addUp adds every flight, a batch at a time, until the kernel closes and nothing is left.
func (r *reader) addUp(ctx context.Context) error {
	batch := make([]neo.Message, 0, batchMax)
	for {
		var err error
		if batch, err = r.subscription.RecvBatch(ctx, batch[:0]); err != nil {
			return unlessClosed(err)
		}
		if err := r.addBatch(batch); err != nil {
			return err
		}
	}
}

func (r *reader) addBatch(batch []neo.Message) error {
	r.lock.Lock()
	defer r.lock.Unlock()
	for i := range batch {
		r.note(&batch[i])
		flight, err := month.Decode(batch[i].Data)
		if err != nil {
			return err
		}
		r.sums.Add(&flight)
	}
	return nil
}

// dawdle takes a message, pauses, takes the next: too slow on purpose. It leaves what waits at the
// end.
func (r *reader) dawdle(ctx context.Context, kernel *neo.Kernel) error {
	for !kernel.Closed() {
		message, err := r.subscription.Recv(ctx)
		if err != nil {
			return unlessClosed(err)
		}
		r.note(message)
		if _, err := month.Decode(message.Data); err != nil {
			return err
		}
		time.Sleep(slowPause)
	}
	return nil
}

// refresh takes what changed since the last look, into the newest of each topic.
func (r *reader) refresh(newest map[string]month.Flight) error {
	for {
		message, err := r.subscription.TryRecv()
		if err != nil || message == nil {
			return unlessClosed(err)
		}
		r.note(message)
		if newest[message.Topic], err = month.Decode(message.Data); err != nil {
			return err
		}
	}
}

func (r *reader) of(carrier month.Carrier) month.Delays {
	r.lock.Lock()
	defer r.lock.Unlock()
	if sums := r.sums.Carriers[carrier]; sums != nil {
		return *sums
	}
	return month.Delays{}
}

// end counts what was lost behind the last message.
func (r *reader) end() error {
	lost, err := r.subscription.TakeLost()
	r.toldLost += lost
	return err
}

func unlessClosed(err error) error {
	if errors.Is(err, neo.ErrClosed) {
		return nil
	}
	return err
}
