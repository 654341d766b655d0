package neo

// #include "shim.h"
import "C"

import (
	"encoding/binary"
)

// Header is a key and a value that a message carries beside its payload.
type Header struct {
	// Key has 1 to 255 bytes.
	Key string
	// Value is any bytes.
	Value []byte
}

// WithHeader adds a header that each message carries. A key may be added more than once; 32 headers are
// the most, and with the topic and 8 bytes for each they have room in 448 bytes.
func WithHeader(key string, value []byte) PublisherOption {
	return publisherOption(func(o *publisherOptions) {
		o.headers = append(o.headers, Header{key, value})
	})
}

// WithTraceparent is the W3C trace context that each message carries, as text of 55 letters.
func WithTraceparent(text string) PublisherOption {
	return publisherOption(func(o *publisherOptions) { o.traceparent = text })
}

// laidOut lays headers out for C, which may not be given pointers to pointers: for each its key's length,
// its value's length, and both.
func laidOut(headers []Header) []byte {
	var bytes []byte
	for _, header := range headers {
		bytes = binary.NativeEndian.AppendUint64(bytes, uint64(len(header.Key)))
		bytes = binary.NativeEndian.AppendUint64(bytes, uint64(len(header.Value)))
		bytes = append(append(bytes, header.Key...), header.Value...)
	}
	return bytes
}

// headersOf copies what a message carries beside its payload.
func headersOf(item *C.neo_go_item_t) (headers []Header, traceparent string) {
	if item.has_headers == 0 {
		return nil, ""
	}
	var found C.neo_go_header_t
	for index := C.size_t(0); C.neo_go_header(item.msg, index, &found) == C.NEO_OK; index++ {
		header := Header{Key: string(foreign(&found.key, found.key_len))}
		header.Value = append([]byte{}, foreign(&found.value, found.value_len)...)
		headers = append(headers, header)
	}
	var text [C.NEO_GO_TRACEPARENT_BYTES]byte
	if C.neo_go_traceparent(item.msg, address(text[:])) == C.NEO_OK {
		traceparent = string(text[:len(text)-1])
	}
	return headers, traceparent
}
