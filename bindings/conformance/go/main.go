// The Go interpreter of the conformance cases; ../README.md specifies what it does.
//
//	conformance CASES-FOLDER SCHEME
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	neo "github.com/neo-qiss/messaging-kernel/bindings/go"
)

// testCase is a case of the table.
type testCase struct {
	ID    string   `json:"id"`
	URLs  []string `json:"urls"`
	Steps []step   `json:"steps"`
}

// result is the line that is printed for it.
type result struct {
	ID       string   `json:"id"`
	OK       bool     `json:"ok"`
	Observed []string `json:"observed"`
	Failure  string   `json:"failure,omitempty"`
}

func main() {
	if len(os.Args) != 3 {
		fail("usage: conformance CASES-FOLDER SCHEME")
	}
	files, err := filepath.Glob(filepath.Join(os.Args[1], "*.json"))
	if err != nil || len(files) == 0 {
		fail(fmt.Sprintf("%s holds no cases: %v", os.Args[1], err))
	}
	slices.Sort(files)
	passed := true
	for _, file := range files {
		for _, one := range read(file) {
			if slices.Contains(one.URLs, os.Args[2]) {
				result := run(&one, os.Args[2])
				line, _ := json.Marshal(result)
				fmt.Println(string(line))
				passed = passed && result.OK
			}
		}
	}
	if !passed {
		os.Exit(1)
	}
}

func fail(text string) {
	fmt.Fprintln(os.Stderr, text)
	os.Exit(2)
}

func read(file string) []testCase {
	text, err := os.ReadFile(file)
	if err != nil {
		fail(err.Error())
	}
	var table struct {
		Cases []testCase `json:"cases"`
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&table); err != nil {
		fail(fmt.Sprintf("%s: %v", file, err))
	}
	return table.Cases
}

// run runs the steps up to the first that is not met, and gives everything back.
func run(one *testCase, scheme string) *result {
	w := newWorld(one.ID, scheme)
	result := &result{ID: one.ID, Observed: []string{}}
	for i, step := range one.Steps {
		failure := w.repeat(step, result)
		if failure != "" {
			result.Failure = fmt.Sprintf("step %d, %s: %s", i+1, step.textOr("op", "?"), failure)
			break
		}
	}
	live, failure := w.finish()
	result.Observed = append(result.Observed, fmt.Sprintf("live=%d", live))
	if failure == "" && live > 0 {
		failure = fmt.Sprintf("after the last step these are alive: %v", neo.Live())
	}
	if result.Failure == "" {
		result.Failure = failure
	}
	result.OK = result.Failure == ""
	return result
}

// repeat runs a step as often as it says, and adds the last observation; why it is not met.
func (w *world) repeat(s step, result *result) (failure string) {
	var last seen
	defer func() {
		if problem, isBroken := recover().(broken); isBroken {
			failure = string(problem)
			return
		}
		result.Observed = append(result.Observed, last.String())
	}()
	for turn := range s.numberOr("times", 1) {
		w.turn = -1
		if s.has("times") {
			w.turn = int(turn)
		}
		last = w.observe(s)
		if failure = judge(s, last); failure != "" {
			break
		}
	}
	return failure
}

// observe runs a step once.
func (w *world) observe(s step) seen {
	op, found := ops[s.text("op")]
	if !found {
		breakf("there is no such op")
	}
	return outcome(op(w, s))
}

// outcome is what is observed of a call of the library.
func outcome(observed seen, err error) seen {
	var e *neo.Error
	if err == nil {
		return observed
	}
	if !errors.As(err, &e) {
		breakf("%v is no error of the library", err)
	}
	observed = seen{{"error", e.Code.Symbol()}}
	if e.Code == neo.ErrService {
		observed = append(observed, field{"text", e.Text})
	}
	return observed
}

// judge says why an observation is not what the step expects.
func judge(s step, observed seen) string {
	expect, found := s["expect"].(map[string]any)
	if !found {
		if len(observed) > 0 && (observed[0].key == "error" || observed[0].key == "none") {
			return fmt.Sprintf("it observed `%s`", observed)
		}
		return ""
	}
	for key, value := range expect {
		if found, ok := observed.find(key); !ok || found != shown(value) {
			return fmt.Sprintf("`%s` is not `%s`: it observed `%s`", key, shown(value), observed)
		}
	}
	return ""
}
