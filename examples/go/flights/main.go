// A month of flights through Neo, in Go: a part of `cargo xtask demo`.
//
//	flights FILE REPEATS
//
// Publishes every flight of FILE (examples/data/README.md, unpacked) REPEATS times, as fast as it
// goes, to the same subscribers as the demo in Rust: one on all of JFK, a queue group of three on
// everything, a view of the newest of each topic, and one that is too slow on purpose. The service
// `delays` answers with the mean delay of a carrier. Prints one line of JSON: what each of them
// counted.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"os"
	"strconv"
	"sync"
	"time"

	neo "github.com/neo-qiss/messaging-kernel/bindings/go"
	"github.com/neo-qiss/messaging-kernel/examples/go/internal/delays"
	"github.com/neo-qiss/messaging-kernel/examples/go/internal/month"
)

const (
	url         = "mem://flights"
	sendTimeout = 10 * time.Second
)

// A row is a flight of the file, as it is published.
type row struct {
	publisher *neo.Publisher
	message   []byte
}

// A stage is a kernel with its subscribers at work.
type stage struct {
	kernel *neo.Kernel
	// own is the subscribers' open of it: closing it lets them finish what is queued.
	own              *neo.Kernel
	readers, desks   []*reader
	jfk, board, slow *reader
	newest           map[string]month.Flight
	published        uint64
	dropped, late    uint64
	took             time.Duration
}

func openStage(ctx context.Context) (*stage, error) {
	kernel, err := neo.Open(url)
	if err != nil {
		return nil, err
	}
	own, err := neo.Open(url)
	if err != nil {
		return nil, err
	}
	s := &stage{kernel: kernel, own: own, newest: map[string]month.Flight{}}
	for _, as := range []role{jfk, board, slow, desks, desks, desks} {
		reader, err := open(own, as)
		if err != nil {
			return nil, err
		}
		s.readers = append(s.readers, reader)
	}
	s.jfk, s.board, s.slow, s.desks = s.readers[0], s.readers[1], s.readers[2], s.readers[3:]
	_, err = kernel.Serve(ctx, delays.Name, s.mean)
	return s, err
}

// mean is the service: the mean delay of a carrier, by what the desks have added up so far.
func (s *stage) mean(_ context.Context, request *neo.Request) ([]byte, error) {
	if request.Method != delays.Method || len(request.Data) != 2 {
		return nil, errors.New("it answers `mean` of a carrier")
	}
	var sum month.Delays
	for _, desk := range s.desks {
		sum.Merge(desk.of(month.Carrier(request.Data)))
	}
	if sum.Departed == 0 {
		return nil, errors.New("no flight of it departed so far")
	}
	return delays.MeanOf(sum).Encode(), nil
}

// rows opens a publisher for each topic.
func (s *stage) rows(flights []month.Flight) ([]row, error) {
	publishers := map[string]*neo.Publisher{}
	rows := make([]row, 0, len(flights))
	for i := range flights {
		topic := flights[i].Topic()
		if publishers[topic] == nil {
			publisher, err := s.kernel.Publisher(topic, neo.WithSendTimeout(sendTimeout))
			if err != nil {
				return nil, err
			}
			publishers[topic] = publisher
		}
		rows = append(rows, row{publishers[topic], flights[i].Encode()})
	}
	return rows, nil
}

func (s *stage) publish(ctx context.Context, rows []row, repeats int) error {
	for range repeats {
		for _, row := range rows {
			told, err := row.publisher.Publish(ctx, row.message)
			if err != nil {
				return err
			}
			s.published += told.Messages
			s.dropped += uint64(told.Dropped)
			s.late += uint64(told.TimedOut)
		}
		if err := s.board.refresh(s.newest); err != nil {
			return err
		}
	}
	return nil
}

// play publishes them all, and waits until the last message was added up.
func (s *stage) play(ctx context.Context, flights []month.Flight, repeats int) error {
	rows, err := s.rows(flights)
	if err != nil {
		return err
	}
	// A reader that fails ends the others, and the publisher, who would wait for it.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var adding, dawdling sync.WaitGroup
	work := func(group *sync.WaitGroup, work func() error) {
		group.Add(1)
		go func() {
			defer group.Done()
			if err := work(); err != nil {
				cancel(err)
			}
		}()
	}
	for _, reader := range append(s.desks, s.jfk) {
		work(&adding, func() error { return reader.addUp(ctx) })
	}
	work(&dawdling, func() error { return s.slow.dawdle(ctx, s.own) })

	began := time.Now()
	if err := s.publish(ctx, rows, repeats); err != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	s.own.Close()
	adding.Wait()
	s.took = time.Since(began)
	dawdling.Wait()
	return errors.Join(s.board.refresh(s.newest), context.Cause(ctx))
}

func run(path string, repeats int) error {
	ctx := context.Background()
	flights, err := month.Load(path)
	if err != nil {
		return err
	}
	stage, err := openStage(ctx)
	if err != nil {
		return err
	}
	defer stage.kernel.Close()
	if err := stage.play(ctx, flights, repeats); err != nil {
		return err
	}
	line, err := stage.report(ctx)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(line)
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("flights (Go): ")
	if len(os.Args) != 3 {
		log.Fatal("usage: flights FILE REPEATS")
	}
	repeats, err := strconv.Atoi(os.Args[2])
	if err != nil || repeats < 1 {
		log.Fatal("REPEATS must be a number from 1")
	}
	if err := run(os.Args[1], repeats); err != nil {
		log.Fatal(err)
	}
}
