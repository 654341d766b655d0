package neo

import (
	"context"
	"errors"
	"strings"
	"testing"
)

const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func TestHeadersArriveInEveryFormOfReceiving(t *testing.T) {
	kernel := got(Open("mem://"))(t)
	defer kernel.Close()
	subscription := got(kernel.Subscribe("t"))(t)
	defer subscription.Close()
	publisher := got(kernel.Publisher("t", WithHeader("kind", []byte{0, 1}),
		WithHeader("kind", nil), WithTraceparent(trace)))(t)
	defer publisher.Close()
	background := context.Background()
	check := func(headers []Header, traceparent string) {
		t.Helper()
		if len(headers) != 2 || headers[0].Key != "kind" || string(headers[0].Value) != "\x00\x01" ||
			len(headers[1].Value) != 0 || traceparent != trace {
			t.Errorf("headers %v, traceparent %q", headers, traceparent)
		}
	}
	for _, data := range []string{"small", strings.Repeat("large", 10_000)} {
		for range 3 {
			got(publisher.Publish(background, []byte(data)))(t)
		}
		message := got(subscription.Recv(background))(t)
		check(message.Headers, message.Traceparent)
		batch := got(subscription.RecvBatch(background, make([]Message, 0, 1)))(t)
		check(batch[0].Headers, batch[0].Traceparent)
		view := got(subscription.RecvView(background))(t)
		check(view.Headers, view.Traceparent)
		if string(message.Data) != data || string(batch[0].Data) != data || string(view.Data()) != data {
			t.Errorf("a payload of %d bytes did not arrive", len(data))
		}
		view.Release()
	}
	got(kernel.Publish(background, "t", nil))(t)
	if message := got(subscription.Recv(background))(t); message.Headers != nil || message.Traceparent != "" {
		t.Errorf("headers from nowhere: %v %q", message.Headers, message.Traceparent)
	}
}

func TestBadHeadersAreRefused(t *testing.T) {
	kernel := got(Open("mem://"))(t)
	defer kernel.Close()
	many := make([]PublisherOption, 100)
	for i := range many {
		many[i] = WithHeader("k", nil)
	}
	for _, options := range [][]PublisherOption{
		{WithHeader("", nil)},
		{WithHeader("\xff", nil)},
		{WithHeader("k", make([]byte, 600))},
		many,
		{WithTraceparent("00-no")},
	} {
		if _, err := kernel.Publisher("t", options...); !errors.Is(err, ErrInvalid) {
			t.Errorf("refused with %v", err)
		}
	}
}
