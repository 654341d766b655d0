// The Go peer of the pairs on shm://; ../../README.md specifies what it does.
//
//	peer ROLE URL
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	neo "github.com/neo-qiss/messaging-kernel/bindings/go"
)

const messages = 257

var lengths = []int{0, 1, 64, 200, 256, 1000, 5000, 70000}

// payload is message i.
func payload(i int) []byte {
	data := make([]byte, lengths[i%len(lengths)])
	for at := range data {
		data[at] = byte((i + at) % 251)
	}
	return data
}

// must ends the peer if something goes wrong; its deferred calls give everything back.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	if len(os.Args) != 3 || (os.Args[1] != "hear" && os.Args[1] != "tell") {
		fmt.Fprintln(os.Stderr, "usage: peer hear|tell URL")
		os.Exit(2)
	}
	kernel, err := neo.Open(os.Args[2])
	must(err)
	defer kernel.Close()
	if os.Args[1] == "hear" {
		hear(kernel)
	} else {
		tell(kernel)
	}
}

// soon is the limit of one wait.
func soon() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 20*time.Second)
}

func hear(kernel *neo.Kernel) {
	heard, err := kernel.Subscribe("pair.*", neo.WithDepth(32), neo.WithPolicy(neo.Block))
	must(err)
	defer heard.Close()
	service, err := kernel.Service("pair")
	must(err)
	defer service.Close()
	fmt.Println("ready")
	all, equal, lost := 0, 0, uint64(0)
	for {
		ctx, cancel := soon()
		message, err := heard.Recv(ctx)
		cancel()
		must(err)
		lost += message.LostBefore
		if message.Topic == "pair.end" {
			break
		}
		if message.Topic == "pair.data" && bytes.Equal(message.Data, payload(equal)) {
			equal++
		}
		all++
	}
	requests := 0
	for method := ""; method != "end"; requests++ {
		ctx, cancel := soon()
		request, err := service.Recv(ctx)
		cancel()
		must(err)
		method = request.Method
		switch method {
		case "reverse":
			slices.Reverse(request.Data)
			must(request.Reply(request.Data))
		case "fail":
			must(request.Fail("the handler says no"))
		default:
			must(request.Reply(nil))
		}
	}
	fmt.Printf("messages=%d equal=%d lost=%d requests=%d\n", all, equal, lost, requests)
}

func tell(kernel *neo.Kernel) {
	ctx := context.Background()
	const patience = 20 * time.Second
	data, err := kernel.Publisher("pair.data", neo.WithSendTimeout(patience))
	must(err)
	defer data.Close()
	accepted := uint32(0)
	for i := range messages {
		var published neo.Published
		if i < 16 {
			loan, err := data.Loan(len(payload(i)))
			must(err)
			copy(loan.Data(), payload(i))
			published, err = loan.Send(ctx)
			must(err)
		} else {
			published, err = data.Publish(ctx, payload(i))
			must(err)
		}
		accepted += published.Accepted
	}
	end, err := kernel.Publisher("pair.end", neo.WithSendTimeout(patience))
	must(err)
	defer end.Close()
	_, err = end.Publish(ctx, nil)
	must(err)
	answered := 0
	for i := range 32 {
		answer, err := call(kernel, "reverse", payload(i))
		must(err)
		slices.Reverse(answer)
		if bytes.Equal(answer, payload(i)) {
			answered++
		}
	}
	_, err = call(kernel, "fail", nil)
	var failure *neo.Error
	if !errors.As(err, &failure) {
		panic(fmt.Sprintf("`fail` ended with %v", err))
	}
	_, err = call(kernel, "end", nil)
	must(err)
	fmt.Printf("accepted=%d answered=%d error=%s text=%s\n",
		accepted, answered, failure.Code.Symbol(), failure.Text)
}

func call(kernel *neo.Kernel, method string, data []byte) ([]byte, error) {
	ctx, cancel := soon()
	defer cancel()
	return kernel.Call(ctx, "pair", method, data)
}
