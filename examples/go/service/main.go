// A service: a worker answers calls; its failures and its absence are the caller's errors.
//
//	cargo xtask go && go -C examples/go run ./service
package main

import (
	"context"
	"errors"
	"fmt"
	"log"

	neo "github.com/neo-qiss/messaging-kernel/bindings/go"
)

func gate(_ context.Context, call *neo.Request) ([]byte, error) {
	if call.Method != "of" {
		return nil, fmt.Errorf("no method %s", call.Method)
	}
	if string(call.Data) != "AA1" {
		return nil, fmt.Errorf("no gate for %s", call.Data)
	}
	return []byte("B22"), nil
}

func main() {
	ctx := context.Background()
	kernel, err := neo.Open("mem://")
	if err != nil {
		log.Fatal(err)
	}
	gates, err := kernel.Serve(ctx, "gates", gate)
	if err != nil {
		log.Fatal(err)
	}

	answer, err := kernel.Call(ctx, "gates", "of", []byte("AA1"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("AA1 leaves from %s\n", answer)
	for _, ask := range [][2]string{{"gates", "ZZ9"}, {"lounges", "AA1"}} {
		var failure *neo.Error
		_, err := kernel.Call(ctx, ask[0], "of", []byte(ask[1]))
		if errors.As(err, &failure) {
			fmt.Printf("%s: %s\n", ask[0], failure.Text)
		}
	}
	kernel.Close()
	if err := gates.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println("the worker ended")
}
