//go:build linux

// Measures the package and its peers; one JSON line for each row.
//
//	go run ./bench [WORD..]     only rows whose name contains a word
//	go run ./bench .. --serve   measures the row that each line of standard input names, once
//
// `cargo xtask bench` asks for the rows one by one, in turn with their peers (benches/compare).
//
// A row is {"name", "value", "unit", ...}. Rows in nanoseconds are the best of several repetitions and
// carry `noop`, the cost of an empty call of C in the same run, and `per_noop`, the ratio.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	neo "github.com/neo-qiss/messaging-kernel/bindings/go"
)

// row is something to measure, in nanoseconds. prepare gives what one repetition returns.
type row struct {
	name    string
	prepare func() (measure func() float64, end func())
}

var rows = []row{
	{"publish 64 B", publish},
	{"PublishBatch of 256, per message", func() (func() float64, func()) { return batches(true) }},
	{"RecvBatch of 256, per message", func() (func() float64, func()) { return batches(false) }},
	{"channel of 256: send, per message", func() (func() float64, func()) { return channel(true) }},
	{"channel of 256: receive, per message", func() (func() float64, func()) { return channel(false) }},
	{"Recv, one by one", recv},
	{"1 MiB payload by RecvView", view},
	{"call: parked", func() (func() float64, func()) { return call(neo.WaitPark) }},
	{"call: adaptive", func() (func() float64, func()) { return call(neo.WaitAdaptive) }},
	{"round trip: two eventfds", eventfds},
	{"round trip: two channels", channels},
}

const repeats = 25

// best is the least of several repetitions, each beside one of the empty call.
func best(one row, repeats int) (value, floor float64) {
	measure, end := one.prepare()
	defer end()
	value, floor = measure(), empty()
	for range repeats - 1 {
		value, floor = min(value, measure()), min(floor, empty())
	}
	return value, floor
}

func main() {
	words := os.Args[1:]
	if len(words) > 0 && words[len(words)-1] == "--serve" {
		serve()
		return
	}
	fmt.Printf("{\"name\": \"no-op call\", \"value\": %.1f, \"unit\": \"ns\"}\n", empty())
	for _, one := range rows {
		if !wanted(one.name, words) {
			continue
		}
		value, floor := best(one, repeats)
		fmt.Printf("{\"name\": %q, \"value\": %.1f, \"unit\": \"ns\", \"noop\": %.1f, \"per_noop\": %.2f}\n",
			one.name, value, floor, value/floor)
	}
}

func wanted(name string, words []string) bool {
	for _, word := range words {
		if strings.Contains(name, word) {
			return true
		}
	}
	return len(words) == 0
}

// serve answers each line, the name of a row, with its value.
func serve() {
	all := map[string]row{"no-op call": {"no-op call", func() (func() float64, func()) {
		return empty, func() {}
	}}}
	for _, one := range rows {
		all[one.name] = one
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		one, found := all[lines.Text()]
		if !found {
			fmt.Printf("{\"error\": %q}\n", "there is no row "+lines.Text())
			continue
		}
		value, _ := best(one, 3)
		line, _ := json.Marshal(map[string]float64{"value": value})
		fmt.Println(string(line))
	}
}
