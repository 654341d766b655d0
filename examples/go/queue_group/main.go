// A queue group: each message goes to one of the members, whichever is free.
//
//	cargo xtask go && go -C examples/go run ./queue_group
package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"log"
	"sync"
	"sync/atomic"

	neo "github.com/neo-qiss/messaging-kernel/bindings/go"
)

const members = 3

func main() {
	ctx := context.Background()
	kernel, err := neo.Open("mem://")
	if err != nil {
		log.Fatal(err)
	}
	var unloaded atomic.Int64
	var working sync.WaitGroup
	for range members {
		bags, err := kernel.Subscribe("bags.*", neo.WithGroup("belt"))
		if err != nil {
			log.Fatal(err)
		}
		defer bags.Close()
		working.Add(1)
		go func() {
			defer working.Done()
			for _, err := range bags.All(ctx) {
				if err != nil {
					return
				}
				unloaded.Add(1)
			}
		}()
	}

	for bag := range uint32(300) {
		number := binary.LittleEndian.AppendUint32(nil, bag+1)
		if _, err := kernel.Publish(ctx, "bags.JFK", number); err != nil {
			log.Fatal(err)
		}
	}
	// Members receive what is queued, then learn that the kernel is closed.
	kernel.Close()
	working.Wait()
	fmt.Printf("%d bags by %d members\n", unloaded.Load(), members)
}
