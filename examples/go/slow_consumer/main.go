// Slow consumers: each subscription says what happens when it is full, and losses are told.
//
//	cargo xtask go && go -C examples/go run ./slow_consumer
package main

import (
	"context"
	"fmt"
	"log"
	"strings"

	neo "github.com/neo-qiss/messaging-kernel/bindings/go"
)

func main() {
	ctx := context.Background()
	kernel, err := neo.Open("mem://")
	if err != nil {
		log.Fatal(err)
	}
	defer kernel.Close()
	policies := []neo.Policy{neo.DropOldest, neo.DropNewest, neo.Latest}
	names := []string{"DropOldest", "DropNewest", "Latest"}
	var readers []*neo.Subscription
	for _, policy := range policies {
		reader, err := kernel.Subscribe("ticks", neo.WithDepth(4), neo.WithPolicy(policy))
		if err != nil {
			log.Fatal(err)
		}
		defer reader.Close()
		readers = append(readers, reader)
	}

	dropped := uint32(0)
	for tick := range byte(10) {
		published, err := kernel.Publish(ctx, "ticks", []byte{tick + 1})
		if err != nil {
			log.Fatal(err)
		}
		dropped += published.Dropped
	}

	told := uint64(0)
	for i, reader := range readers {
		ticks, lost, err := drain(reader)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: received [%s], lost %d\n", names[i], strings.Join(ticks, ", "), lost)
		told += lost
	}
	fmt.Printf("the publisher was told of %d losses, the readers of %d\n", dropped, told)
}

// drain receives what is there, and counts what is not.
func drain(reader *neo.Subscription) (ticks []string, lost uint64, err error) {
	for {
		message, err := reader.TryRecv()
		if err != nil {
			return nil, 0, err
		}
		if message == nil {
			break
		}
		lost += message.LostBefore
		ticks = append(ticks, fmt.Sprint(message.Data[0]))
	}
	untold, err := reader.TakeLost()
	return ticks, lost + untold, err
}
