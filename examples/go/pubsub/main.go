// Publish and subscribe: a pattern with `*` hears every topic that it matches.
//
//	cargo xtask go && go -C examples/go run ./pubsub
package main

import (
	"context"
	"fmt"
	"log"

	neo "github.com/neo-qiss/messaging-kernel/bindings/go"
)

func main() {
	ctx := context.Background()
	kernel, err := neo.Open("mem://")
	if err != nil {
		log.Fatal(err)
	}
	defer kernel.Close()
	arrivals, err := kernel.Subscribe("flights.*.arrived")
	if err != nil {
		log.Fatal(err)
	}
	defer arrivals.Close()

	for _, flight := range [][2]string{
		{"flights.AA1.arrived", "LAX"},
		{"flights.AA1.departed", "JFK"},
		{"flights.DL42.arrived", "ATL"},
	} {
		if _, err := kernel.Publish(ctx, flight[0], []byte(flight[1])); err != nil {
			log.Fatal(err)
		}
	}

	for range 2 {
		message, err := arrivals.Recv(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s\n", message.Topic, message.Data)
	}
}
