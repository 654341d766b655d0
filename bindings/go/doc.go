// Package neo is Neo, an embeddable messaging kernel: publish/subscribe, queue groups and request/reply
// services inside a process, without a server.
//
//	kernel, err := neo.Open("mem://")
//	if err != nil {
//		return err
//	}
//	defer kernel.Close()
//	arrivals, err := kernel.Subscribe("flights.*.arrived")
//	if err != nil {
//		return err
//	}
//	defer arrivals.Close()
//	if _, err = kernel.Publish(ctx, "flights.AA1.arrived", []byte("LAX")); err != nil {
//		return err
//	}
//	arrival, err := arrivals.Recv(ctx)
//
// # Goroutines
//
// Everything may be called from any goroutine at any time, also while another one closes it. What waits
// takes a context first and sleeps in Go's netpoller: no goroutine ever blocks in C, and no thread is
// held. A wait that its context ends has taken nothing.
//
// # Lifetimes
//
// What is opened is closed; closing twice does nothing, and the order does not matter. A Message belongs
// to the garbage collector. A View and a Loan are memory of the kernel until they are released, sent or
// aborted. What is forgotten is given back when the garbage collector finds it, which may be late.
//
// # Errors
//
// Every error is an *Error with a Code: errors.Is(err, neo.ErrFull). If a context ended a wait, its own
// error is found as well: errors.Is(err, context.Canceled).
//
// # Linking
//
// The package needs cgo. By default it links the archive that `cargo xtask go` puts in place; with
// -tags neo_dynamic it asks pkg-config for an installed libneo.
package neo
