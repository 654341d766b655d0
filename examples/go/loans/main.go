// Loans: a large message is written once, in the kernel's memory, and every reader reads it there.
//
//	cargo xtask go && go -C examples/go run ./loans
package main

import (
	"context"
	"fmt"
	"log"

	neo "github.com/neo-qiss/messaging-kernel/bindings/go"
)

const samples = 1 << 16

// must ends the program if a step fails.
func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func main() {
	ctx := context.Background()
	kernel := must(neo.Open("mem://"))
	defer kernel.Close()
	one, all := must(kernel.Subscribe("radar.sweep")), must(kernel.Subscribe("radar.>"))
	defer one.Close()
	defer all.Close()

	publisher := must(kernel.Publisher("radar.sweep"))
	defer publisher.Close()
	sweep := must(publisher.Loan(samples))
	for at := range sweep.Data() {
		sweep.Data()[at] = byte(at)
	}
	must(sweep.Send(ctx))
	must(publisher.Loan(samples)).Abort()

	first, second := must(one.RecvView(ctx)), must(all.RecvView(ctx))
	defer first.Release()
	defer second.Release()
	fmt.Printf("%d bytes, the last is %d\n", len(first.Data()), first.Data()[samples-1])
	fmt.Println("both readers read the same memory:", &first.Data()[0] == &second.Data()[0])
	fmt.Println("left in the queues:", must(one.Queued())+must(all.Queued()))
}
