package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math"
	"strconv"
	"strings"
	"time"
)

// broken is what is wrong with a step itself, or a wait beyond every limit: the case fails.
type broken string

func breakf(format string, values ...any) { panic(broken(fmt.Sprintf(format, values...))) }

// step is a step of a case. Numbers in it are json.Number.
type step map[string]any

func (s step) has(key string) bool {
	_, found := s[key]
	return found
}

func (s step) text(key string) string {
	text, ok := s[key].(string)
	if !ok {
		breakf("the step has no text `%s`", key)
	}
	return text
}

func (s step) textOr(key, otherwise string) string {
	if !s.has(key) {
		return otherwise
	}
	return s.text(key)
}

// number is a number that fits Go's; what does not is the largest.
func (s step) number(key string) int64 { return number(s[key]) }

func number(value any) int64 {
	digits, ok := value.(json.Number)
	if !ok {
		breakf("%v is no number", value)
	}
	n, err := strconv.ParseUint(digits.String(), 10, 64)
	if err != nil {
		breakf("%v is no number: %v", value, err)
	}
	return int64(min(n, math.MaxInt64))
}

func (s step) numberOr(key string, otherwise int64) int64 {
	if !s.has(key) {
		return otherwise
	}
	return s.number(key)
}

func (s step) duration(key string) time.Duration { return time.Duration(s.number(key)) }

func (s step) payload() []byte { return payload(s["payload"]) }

// payload is the bytes that a value of the cases describes.
func payload(value any) []byte {
	form, ok := value.(map[string]any)
	if !ok || len(form) != 1 {
		breakf("%v is no payload", value)
	}
	if text, found := form["utf8"].(string); found {
		return []byte(text)
	}
	if digits, found := form["hex"].(string); found {
		data, err := hex.DecodeString(digits)
		if err != nil {
			breakf("%v is no payload: %v", value, err)
		}
		return data
	}
	if repeat, found := form["repeat"].(map[string]any); found {
		data := make([]byte, number(repeat["count"]))
		for i := range data {
			data[i] = byte(number(repeat["byte"]))
		}
		return data
	}
	pattern, found := form["pattern"].(map[string]any)
	if !found {
		breakf("%v is no payload", value)
	}
	data, seed := make([]byte, number(pattern["len"])), number(pattern["seed"])
	for i := range data {
		data[i] = byte((seed + int64(i)) % 251)
	}
	return data
}

func digest(data []byte) string { return fmt.Sprintf("%d:%08x", len(data), crc32.ChecksumIEEE(data)) }

// shown is a value as it is printed in observations.
func shown(value any) string {
	switch value := value.(type) {
	case []any:
		parts := make([]string, len(value))
		for i, part := range value {
			parts[i] = shown(part)
		}
		return strings.Join(parts, ",")
	case map[string]any:
		return digest(payload(value))
	default:
		return fmt.Sprint(value)
	}
}

// field is a part of an observation.
type field struct {
	key   string
	value any
}

// seen is an observation: fields in the order of the README's tables.
type seen []field

var none = seen{{"none", "true"}}

func (s seen) find(key string) (string, bool) {
	for _, field := range s {
		if field.key == key {
			return shown(field.value), true
		}
	}
	return "", false
}

func (s seen) String() string {
	if len(s) == 0 {
		return "ok"
	}
	parts := make([]string, len(s))
	for i, field := range s {
		parts[i] = field.key + "=" + shown(field.value)
	}
	return strings.Join(parts, " ")
}
