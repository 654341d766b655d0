// Processes that share a kernel: run it as `serve` in one terminal and as `ask` in another. The
// programs of this name in other languages are either side of the same conversation.
//
//	cargo xtask go && go -C examples/go run ./shared_memory serve
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	neo "github.com/neo-qiss/messaging-kernel/bindings/go"
)

const url = "shm://example-users"

// serve answers one call, and publishes who was asked for.
func serve(ctx context.Context, kernel *neo.Kernel) error {
	users, err := kernel.Service("user_service")
	if err != nil {
		return err
	}
	defer users.Close()
	fmt.Println("serving on", url)
	request, err := users.Recv(ctx)
	if err != nil {
		return err
	}
	if _, err := kernel.Publish(ctx, "users.asked", request.Data); err != nil {
		return err
	}
	return request.Reply(fmt.Appendf(nil, "%s is Ada", request.Data))
}

func ask(ctx context.Context, kernel *neo.Kernel) error {
	asked, err := kernel.Subscribe("users.*")
	if err != nil {
		return err
	}
	defer asked.Close()
	answer, err := kernel.Call(ctx, "user_service", "get_user", []byte("42"))
	if err != nil {
		return err
	}
	fmt.Printf("%s\n", answer)
	message, err := asked.Recv(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %s\n", message.Topic, message.Data)
	return nil
}

func run(role func(context.Context, *neo.Kernel) error) error {
	kernel, err := neo.Open(url)
	if err != nil {
		return err
	}
	defer kernel.Close()
	return role(context.Background(), kernel)
}

func main() {
	roles := map[string]func(context.Context, *neo.Kernel) error{"serve": serve, "ask": ask}
	if len(os.Args) != 2 || roles[os.Args[1]] == nil {
		fmt.Println("usage: shared_memory serve|ask")
		return
	}
	if err := run(roles[os.Args[1]]); err != nil {
		log.Fatal(err)
	}
}
