// A subscriber in a process of its own, in Go: a part of `cargo xtask demo`.
//
//	processes URL
//
// Adds up every flight on the kernel of URL, day by day. A publisher that takes the place of one
// that was killed says from which day on it publishes again; what had come of that day is then
// forgotten. At the end it calls the service `delays`, which a program in Python serves, for the
// mean delay of each carrier, and prints one line of JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	neo "github.com/neo-qiss/messaging-kernel/bindings/go"
	"github.com/neo-qiss/messaging-kernel/examples/go/internal/delays"
	"github.com/neo-qiss/messaging-kernel/examples/go/internal/month"
)

// limit is how long the month may take, also on a machine that is busy with other things.
const limit = time.Minute

// A line is what the program prints.
type line struct {
	Received uint64                          `json:"received"`
	Lost     uint64                          `json:"lost"`
	Total    month.Delays                    `json:"total"`
	Carriers map[month.Carrier]*month.Delays `json:"carriers"`
	Means    map[month.Carrier]delays.Mean   `json:"means"`
}

// days is what came of each day.
type days [month.Days]*month.Tally

// begin forgets what came of a day and of those after it.
func (d *days) begin(day byte) {
	for i := int(day); i < len(d); i++ {
		d[i] = month.NewTally()
	}
}

func (d *days) add(message *neo.Message) error {
	flight, err := month.Decode(message.Data)
	if err != nil {
		return err
	}
	day := flight.Scheduled / month.MinutesPerDay
	if day >= month.Days {
		return fmt.Errorf("minute %d is not in the month", flight.Scheduled)
	}
	d[day].Add(&flight)
	return nil
}

// addUp adds every flight until the month has ended.
func addUp(ctx context.Context, flights *neo.Subscription) (*line, error) {
	var days days
	days.begin(0)
	counted := &line{}
	for message, err := range flights.All(ctx) {
		if err != nil {
			return nil, err
		}
		counted.Lost += message.LostBefore
		switch message.Topic {
		case "flights.end":
			all := month.NewTally()
			for _, day := range days {
				all.Merge(day)
			}
			counted.Total, counted.Carriers = all.Total, all.Carriers
			return counted, nil
		case "flights.again":
			days.begin(message.Data[0])
		default:
			if err := days.add(message); err != nil {
				return nil, err
			}
			counted.Received++
		}
	}
	return nil, errors.New("the kernel was closed before the month had ended")
}

func run(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	kernel, err := neo.Open(url, neo.WithCallTimeout(neo.Forever))
	if err != nil {
		return err
	}
	defer kernel.Close()
	flights, err := kernel.Subscribe("flights.>", neo.WithPolicy(neo.Block), neo.WithDepth(4096))
	if err != nil {
		return err
	}
	defer flights.Close()
	fmt.Println("ready")
	line, err := addUp(ctx, flights)
	if err != nil {
		return err
	}
	if line.Means, err = delays.Means(ctx, kernel, line.Carriers); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(line)
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("processes (Go): ")
	if len(os.Args) != 2 {
		log.Fatal("usage: processes URL")
	}
	if err := run(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}
