package neo_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	neo "github.com/neo-qiss/messaging-kernel/bindings/go"
)

func Example() {
	ctx := context.Background()
	kernel, err := neo.Open("mem://")
	if err != nil {
		log.Fatal(err)
	}
	defer kernel.Close()
	// `*` stands for one word, `>` for the rest.
	arrivals, err := kernel.Subscribe("flights.*.arrived")
	if err != nil {
		log.Fatal(err)
	}
	defer arrivals.Close()
	if _, err := kernel.Publish(ctx, "flights.AA1.arrived", []byte("LAX")); err != nil {
		log.Fatal(err)
	}
	arrival, err := arrivals.Recv(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %s\n", arrival.Topic, arrival.Data)
	// Output: flights.AA1.arrived: LAX
}

func ExampleClient() {
	stop := serveUsers()
	defer stop()

	client, err := neo.NewClient(neo.DefaultClientConfig())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if err := client.Connect(context.Background()); err != nil {
		log.Fatal(err)
	}
	response, err := client.Call(context.Background(), "user_service", "get_user", []byte("user_id_123"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("Response: %s\n", string(response))
	// Output: Response: Ada
}

// serveUsers serves user_service in this process.
func serveUsers() (stop func()) {
	ctx := context.Background()
	kernel, err := neo.OpenFromEnv()
	if err != nil {
		log.Fatal(err)
	}
	users := map[string]string{"user_id_123": "Ada"}
	service, err := kernel.Serve(ctx, "user_service",
		func(_ context.Context, request *neo.Request) ([]byte, error) {
			if user, found := users[string(request.Data)]; found {
				return []byte(user), nil
			}
			return nil, errors.New("there is no such user")
		})
	if err != nil {
		log.Fatal(err)
	}
	return func() {
		service.Shutdown(ctx)
		kernel.Close()
	}
}

func ExampleKernel_Serve() {
	ctx := context.Background()
	kernel, err := neo.Open("mem://")
	if err != nil {
		log.Fatal(err)
	}
	defer kernel.Close()
	gates, err := kernel.Serve(ctx, "gates",
		func(_ context.Context, request *neo.Request) ([]byte, error) {
			if string(request.Data) != "AA1" {
				return nil, fmt.Errorf("no gate for %s", request.Data)
			}
			return []byte("B22"), nil
		})
	if err != nil {
		log.Fatal(err)
	}
	defer gates.Close()
	gate, err := kernel.Call(ctx, "gates", "of", []byte("AA1"))
	fmt.Println(string(gate), err)
	_, err = kernel.Call(ctx, "gates", "of", []byte("ZZ9"))
	fmt.Println(errors.Is(err, neo.ErrService), err)
	_, err = kernel.Call(ctx, "lounges", "of", nil)
	fmt.Println(errors.Is(err, neo.ErrNoResponder))
	// Output:
	// B22 <nil>
	// true neo: call gates/of: no gate for ZZ9
	// true
}

func ExampleSubscription_All() {
	ctx := context.Background()
	kernel, err := neo.Open("mem://")
	if err != nil {
		log.Fatal(err)
	}
	ticks, err := kernel.Subscribe("ticks", neo.WithDepth(2))
	if err != nil {
		log.Fatal(err)
	}
	defer ticks.Close()
	for _, tick := range []string{"1", "2", "3"} {
		if _, err := kernel.Publish(ctx, "ticks", []byte(tick)); err != nil {
			log.Fatal(err)
		}
	}
	// Readers receive what is queued, then learn that the kernel is closed.
	kernel.Close()
	for message, err := range ticks.All(ctx) {
		if err != nil {
			fmt.Println(errors.Is(err, neo.ErrClosed))
			return
		}
		fmt.Printf("%s, lost before: %d\n", message.Data, message.LostBefore)
	}
	// Output:
	// 2, lost before: 1
	// 3, lost before: 0
	// true
}

func ExamplePublisher_Loan() {
	ctx := context.Background()
	kernel, err := neo.Open("mem://")
	if err != nil {
		log.Fatal(err)
	}
	defer kernel.Close()
	scans, err := kernel.Subscribe("scans")
	if err != nil {
		log.Fatal(err)
	}
	defer scans.Close()
	publisher, err := kernel.Publisher("scans")
	if err != nil {
		log.Fatal(err)
	}
	defer publisher.Close()
	loan, err := publisher.Loan(1 << 20)
	if err != nil {
		log.Fatal(err)
	}
	copy(loan.Data(), "written once")
	if _, err := loan.Send(ctx); err != nil {
		log.Fatal(err)
	}
	view, err := scans.RecvView(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer view.Release()
	fmt.Printf("%s, copied never: %d bytes\n", view.Data()[:12], len(view.Data()))
	// Output: written once, copied never: 1048576 bytes
}
