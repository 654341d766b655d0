package main

import (
	"context"
	"errors"
	"strconv"
	"strings"

	neo "github.com/neo-qiss/messaging-kernel/bindings/go"
)

// ops are the steps by their names.
var ops = map[string]func(w *world, s step) (seen, error){
	"open": open, "close": closeKernel, "is_closed": isClosed, "trim": trim, "memory": memory,
	"counters": counters, "kernel_counters": kernelCounters, "name": name, "release": release,
	"publisher": publisher, "publish": publish, "publish_many": publishMany,
	"publish_numbers": publishNumbers, "loan": loan, "write": write, "truncate": truncate,
	"send": send, "abort": abort,
	"subscribe": subscribe, "try_recv": tryRecv, "recv": recv, "recv_batch": recvBatch,
	"recv_numbers": recvNumbers, "read": readKept, "headers": headers, "take_lost": takeLost, "queued": queued,
	"serve": serve, "serve_handler": serveHandler, "unhold": unhold, "request": request,
	"reply": reply, "reply_error": replyError, "call": call,
	"start_call": startCall, "await_call": awaitCall, "cancel_call": cancelCall,
	"spawn_call": spawnCall, "spawn_recv": spawnRecv, "spawn_publish": spawnPublish, "join": join,
}

var background = context.Background()

// ── kernels

func open(w *world, s step) (seen, error) {
	own := ""
	if w.scheme != "mem" {
		own = w.id
	}
	url := w.scheme + "://" + s.textOr("name", own)
	url = s.textOr("url", url)
	var options []neo.Option
	for key, option := range map[string]func(int) neo.Option{
		"subscriptions_max":   neo.WithSubscriptions,
		"participants_max":    neo.WithParticipants,
		"calls_in_flight_max": neo.WithCallsInFlight,
	} {
		if s.has(key) {
			options = append(options, option(int(s.number(key))))
		}
	}
	if s.has("memory_bytes_max") {
		options = append(options, neo.WithMemory(s.number("memory_bytes_max")))
	}
	if s.has("existing_only") {
		options = append(options, neo.WithExistingOnly())
	}
	timeout := limit
	if s.has("call_timeout_ns") {
		timeout = s.duration("call_timeout_ns")
	}
	options = append(options, neo.WithCallTimeout(timeout))
	kernel, err := neo.Open(url, options...)
	if err == nil {
		w.keepAs(s.textOr("as", "k"), kernel)
	}
	return nil, err
}

func closeKernel(w *world, s step) (seen, error) {
	return nil, find[*neo.Kernel](w, s.text("of")).Close()
}

func isClosed(w *world, s step) (seen, error) {
	return seen{{"closed", find[*neo.Kernel](w, s.text("of")).Closed()}}, nil
}

func trim(w *world, s step) (seen, error) {
	freed, err := w.kernel(s).Trim()
	return seen{{"freed", freed > 0}}, err
}

func memory(w *world, s step) (seen, error) {
	if _, err := w.kernel(s).Trim(); err != nil {
		return nil, err
	}
	counters, err := w.kernel(s).Counters()
	if err != nil {
		return nil, err
	}
	return seen{{"in_use", counters.MemoryBytes > 0}}, nil
}

func counters(w *world, s step) (seen, error) {
	counters, err := w.kernel(s).Counters()
	if err != nil {
		return nil, err
	}
	found := none
	for _, r := range counters.Routes {
		if r.Pattern != s.text("pattern") || r.Group != s.textOr("group", "") {
			continue
		}
		if found[0].key != "none" {
			breakf("there are several `%s`", r.Pattern)
		}
		found = seen{
			{"depth", r.Depth}, {"accepted", r.Accepted}, {"delivered", r.Delivered},
			{"lost", r.Lost}, {"timed_out", r.TimedOut}, {"queued", r.Queued},
		}
	}
	return found, nil
}

func kernelCounters(w *world, s step) (seen, error) {
	counters, err := w.kernel(s).Counters()
	if err != nil {
		return nil, err
	}
	return seen{{"routes", len(counters.Routes)}, {"late_replies", counters.LateReplies}}, nil
}

func name(w *world, s step) (seen, error) {
	switch handle := find[any](w, s.text("of")).(type) {
	case *neo.Publisher:
		return seen{{"name", handle.Topic()}}, nil
	case *neo.Subscription:
		return seen{{"name", handle.Pattern()}}, nil
	case *neo.Service:
		return seen{{"name", handle.Name()}}, nil
	default:
		breakf("`%s` has no name", s.text("of"))
		return nil, nil
	}
}

func release(w *world, s step) (seen, error) {
	handle := take[any](w, s.text("of"))
	kernel, isKernel := handle.(*neo.Kernel)
	if !isKernel {
		giveBack(handle)
	} else if !kernel.Closed() {
		handle, kernel = nil, nil
		forgetKernel(neo.Live()["kernels"])
	}
	return nil, nil
}

// ── publishing

func publisher(w *world, s step) (seen, error) {
	var options []neo.PublisherOption
	if s.has("send_timeout_ns") {
		options = append(options, neo.WithSendTimeout(s.duration("send_timeout_ns")))
	}
	if stamp, _ := s["stamp_time"].(bool); stamp {
		options = append(options, neo.WithTimestamps())
	}
	keys, _ := s["header_keys"].([]any)
	values, _ := s["header_values"].([]any)
	for i, key := range keys {
		options = append(options, neo.WithHeader(key.(string), payload(values[i])))
	}
	if s.has("traceparent") {
		options = append(options, neo.WithTraceparent(s.text("traceparent")))
	}
	publisher, err := w.kernel(s).Publisher(s.text("topic"), options...)
	if err == nil {
		w.keep(s, publisher)
	}
	return nil, err
}

// publishing is what publishes by the handle or the topic that a step names.
func publishing(w *world, s step) func(data []byte) (neo.Published, error) {
	if s.has("publisher") {
		publisher := find[*neo.Publisher](w, s.text("publisher"))
		return func(data []byte) (neo.Published, error) { return publisher.Publish(background, data) }
	}
	kernel, topic := w.kernel(s), s.text("topic")
	return func(data []byte) (neo.Published, error) {
		return kernel.Publish(background, topic, data)
	}
}

func counts(p neo.Published) seen {
	return seen{{"accepted", p.Accepted}, {"dropped", p.Dropped}, {"timed_out", p.TimedOut}}
}

func publish(w *world, s step) (seen, error) {
	published, err := publishing(w, s)(s.payload())
	return counts(published), err
}

func publishMany(w *world, s step) (seen, error) {
	var payloads [][]byte
	values, _ := s["payloads"].([]any)
	for _, value := range values {
		payloads = append(payloads, payload(value))
	}
	published, err := find[*neo.Publisher](w, s.text("publisher")).PublishBatch(background, payloads)
	if err != nil && published.Messages == 0 {
		return nil, err
	}
	stopped := "-"
	var e *neo.Error
	if errors.As(err, &e) {
		stopped = e.Code.Symbol()
	}
	observed := append(seen{{"messages", published.Messages}}, counts(published)...)
	return append(observed, field{"stopped", stopped}), nil
}

func publishNumbers(w *world, s step) (seen, error) {
	var sum neo.Published
	publish, from := publishing(w, s), s.number("from")
	for number := from; number < from+s.number("count"); number++ {
		published, err := publish(strconv.AppendInt(nil, number, 10))
		if err != nil {
			return nil, err
		}
		sum.Accepted += published.Accepted
		sum.Dropped += published.Dropped
		sum.TimedOut += published.TimedOut
	}
	return counts(sum), nil
}

func loan(w *world, s step) (seen, error) {
	loan, err := find[*neo.Publisher](w, s.text("publisher")).Loan(int(s.number("len")))
	if err != nil {
		return nil, err
	}
	w.keep(s, loan)
	return seen{{"len", len(loan.Data())}}, nil
}

func write(w *world, s step) (seen, error) {
	data, at := find[*neo.Loan](w, s.text("loan")).Data(), s.numberOr("at", 0)
	if payload := s.payload(); at+int64(len(payload)) <= int64(len(data)) {
		copy(data[at:], payload)
	} else {
		breakf("the step writes beyond the loan")
	}
	return nil, nil
}

func truncate(w *world, s step) (seen, error) {
	loan := find[*neo.Loan](w, s.text("loan"))
	if err := loan.Truncate(int(s.number("len"))); err != nil {
		return nil, err
	}
	return seen{{"len", len(loan.Data())}}, nil
}

func send(w *world, s step) (seen, error) {
	published, err := take[*neo.Loan](w, s.text("loan")).Send(background)
	return counts(published), err
}

func abort(w *world, s step) (seen, error) {
	take[*neo.Loan](w, s.text("loan")).Abort()
	return nil, nil
}

// ── receiving

var policies = map[string]neo.Policy{
	"drop_oldest": neo.DropOldest, "drop_newest": neo.DropNewest, "latest": neo.Latest,
	"block": neo.Block, "detach": neo.Detach,
}

var waits = map[string]neo.Wait{
	"adaptive": neo.WaitAdaptive, "spin": neo.WaitSpin, "park": neo.WaitPark,
}

func subscribe(w *world, s step) (seen, error) {
	var options []neo.SubscribeOption
	if s.has("depth") {
		options = append(options, neo.WithDepth(int(s.number("depth"))))
	}
	if s.has("policy") {
		options = append(options, neo.WithPolicy(policies[s.text("policy")]))
	}
	if s.has("group") {
		options = append(options, neo.WithGroup(s.text("group")))
	}
	if s.has("wait") {
		options = append(options, neo.WithWait(waits[s.text("wait")]))
	}
	if s.has("mailbox_bytes_max") {
		options = append(options, neo.WithMailboxBytes(s.number("mailbox_bytes_max")))
	}
	if s.has("pinned_bytes_max") {
		options = append(options, neo.WithPinnedBytes(s.number("pinned_bytes_max")))
	}
	subscription, err := w.kernel(s).Subscribe(s.text("pattern"), options...)
	if err == nil {
		w.keep(s, subscription)
	}
	return nil, err
}

// inPlace is what is observed of a message that is read in place.
func inPlace(v *neo.View) seen {
	return seen{
		{"topic", v.Topic}, {"payload", digest(v.Data())},
		{"lost_before", v.LostBefore}, {"stamped", !v.Time().IsZero()},
	}
}

func message(m *neo.Message) seen {
	return seen{
		{"topic", m.Topic}, {"payload", digest(m.Data)},
		{"lost_before", m.LostBefore}, {"stamped", !m.Time().IsZero()},
	}
}

func readKept(w *world, s step) (seen, error) { return inPlace(find[*neo.View](w, s.text("of"))), nil }

func headers(w *world, s step) (seen, error) {
	v := find[*neo.View](w, s.text("of"))
	var keys, values []string
	for _, header := range v.Headers {
		keys = append(keys, header.Key)
		values = append(values, digest(header.Value))
	}
	trace := v.Traceparent
	if trace == "" {
		trace = "-"
	}
	return seen{
		{"keys", strings.Join(keys, ",")}, {"payloads", strings.Join(values, ",")},
		{"traceparent", trace},
	}, nil
}

// waiting is the context of a step's timeout.
func waiting(s step) (context.Context, context.CancelFunc) {
	if s.has("timeout_ns") {
		return context.WithTimeout(background, s.duration("timeout_ns"))
	}
	return context.WithCancel(background)
}

// waited is none in place of the error of a timeout that passed.
func waited(observed seen, err error) (seen, error) {
	if errors.Is(err, context.DeadlineExceeded) {
		return none, nil
	}
	return observed, err
}

func tryRecv(w *world, s step) (seen, error) {
	subscription := find[*neo.Subscription](w, s.text("sub"))
	if s.has("as") {
		view, err := subscription.TryRecvView()
		if view == nil {
			return none, err
		}
		w.keep(s, view)
		return inPlace(view), nil
	}
	m, err := subscription.TryRecv()
	if m == nil {
		return none, err
	}
	return message(m), nil
}

func recv(w *world, s step) (seen, error) {
	if s.numberOr("timeout_ns", 1) == 0 {
		return tryRecv(w, s)
	}
	ctx, cancel := waiting(s)
	defer cancel()
	subscription := find[*neo.Subscription](w, s.text("sub"))
	if s.has("as") {
		view, err := subscription.RecvView(ctx)
		if err != nil {
			return waited(nil, err)
		}
		w.keep(s, view)
		return inPlace(view), nil
	}
	m, err := subscription.Recv(ctx)
	if err != nil {
		return waited(nil, err)
	}
	return message(m), nil
}

func recvBatch(w *world, s step) (seen, error) {
	subscription := find[*neo.Subscription](w, s.text("sub"))
	var batch []neo.Message
	var err error
	if most := s.number("max"); most > 0 {
		batch, err = someOf(subscription, s, make([]neo.Message, 0, most))
	}
	if err != nil {
		return nil, err
	}
	var topics, payloads []string
	lost := uint64(0)
	for _, m := range batch {
		topics = append(topics, m.Topic)
		payloads = append(payloads, digest(m.Data))
		lost += m.LostBefore
	}
	return seen{
		{"count", len(batch)}, {"topics", strings.Join(topics, ",")},
		{"payloads", strings.Join(payloads, ",")}, {"lost", lost},
	}, nil
}

// someOf receives a batch; none came if the step's time passed.
func someOf(from *neo.Subscription, s step, batch []neo.Message) ([]neo.Message, error) {
	if s.numberOr("timeout_ns", 1) == 0 {
		return from.TryRecvBatch(batch)
	}
	ctx, cancel := waiting(s)
	defer cancel()
	batch, err := from.RecvBatch(ctx, batch)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, nil
	}
	return batch, err
}

func recvNumbers(w *world, s step) (seen, error) {
	subscription := find[*neo.Subscription](w, s.text("sub"))
	count, first, last, lost, inOrder := int64(0), int64(0), int64(0), uint64(0), true
	for count < s.number("count") {
		m, err := subscription.TryRecv()
		if err != nil {
			return nil, err
		}
		if m == nil {
			break
		}
		number, err := strconv.ParseInt(string(m.Data), 10, 64)
		if err != nil {
			breakf("%q is no number", m.Data)
		}
		if count == 0 {
			first = number
		} else {
			inOrder = inOrder && number > last
		}
		last = number
		lost += m.LostBefore
		count++
	}
	return seen{
		{"count", count}, {"first", first}, {"last", last}, {"in_order", inOrder}, {"lost", lost},
	}, nil
}

func takeLost(w *world, s step) (seen, error) {
	lost, err := find[*neo.Subscription](w, s.text("sub")).TakeLost()
	return seen{{"lost", lost}}, err
}

func queued(w *world, s step) (seen, error) {
	queued, err := find[*neo.Subscription](w, s.text("sub")).Queued()
	return seen{{"queued", queued}}, err
}
