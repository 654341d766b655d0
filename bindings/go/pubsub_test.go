package neo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestAPatternHearsTheTopicsThatItMatches(t *testing.T) {
	ctx, k := begin(t)
	s := subscribe(t, k, "flights.*.arrived")
	published := got(k.Publish(ctx, "flights.AA1.departed", []byte("JFK")))(t)
	equal(t, published, Published{Messages: 1})
	published = got(k.Publish(ctx, "flights.AA1.arrived", []byte("LAX")))(t)
	equal(t, published, Published{Messages: 1, Accepted: 1})
	m := got(s.Recv(ctx))(t)
	equal(t, m.Topic+" "+string(m.Data), "flights.AA1.arrived LAX")
	equal(t, m.Time(), time.Time{})
	if m, err := s.TryRecv(); m != nil || err != nil {
		t.Fatalf("received %v, %v", m, err)
	}
	equal(t, s.Pattern(), "flights.*.arrived")
	equal(t, k.URL(), "mem://")
}

func TestMessagesOfEverySizeArriveWhole(t *testing.T) {
	ctx, k := begin(t)
	one := subscribe(t, k, "t", WithMailboxBytes(64<<20))
	batch := subscribe(t, k, "t", WithMailboxBytes(64<<20))
	view := subscribe(t, k, "t", WithMailboxBytes(64<<20))
	p := publisher(t, k, "t")
	sizes := []int{0, 1, 64, 200, 256, 257, 511, 512, 513, 5000, 70000, 1 << 20, 1 << 24}
	payload := func(size int) []byte {
		data := make([]byte, size)
		for i := range data {
			data[i] = byte((size + i) % 251)
		}
		return data
	}
	for _, size := range sizes {
		got(p.Publish(ctx, payload(size)))(t)
	}
	var batched []Message
	for len(batched) < len(sizes) {
		batched = append(batched, got(batch.RecvBatch(ctx, nil))(t)...)
	}
	for i, size := range sizes {
		wanted := string(payload(size))
		v := got(view.RecvView(ctx))(t)
		if string(got(one.Recv(ctx))(t).Data) != wanted || string(batched[i].Data) != wanted ||
			string(v.Data()) != wanted || v.Topic != "t" || batched[i].Topic != "t" {
			t.Fatalf("a message of %d bytes is another one", size)
		}
		v.Release()
	}
}

func TestABatchIsPublishedAndReceivedInOrder(t *testing.T) {
	ctx, k := begin(t)
	s := subscribe(t, k, "n", WithDepth(8192))
	p := publisher(t, k, "n", WithTimestamps())
	var payloads [][]byte
	for i := range 5000 {
		payloads = append(payloads, number(i))
	}
	// A large one among them goes by itself.
	payloads[700] = make([]byte, 100<<10)
	published := got(p.PublishBatch(ctx, payloads))(t)
	equal(t, published, Published{Messages: 5000, Accepted: 5000})
	var messages []Message
	for len(messages) < 5000 {
		messages = got(s.RecvBatch(ctx, messages))(t)
	}
	for i, m := range messages {
		if string(m.Data) != string(payloads[i]) || m.Topic != "n" || m.Time().IsZero() {
			t.Fatalf("message %d is %d bytes of %q", i, len(m.Data), m.Topic)
		}
	}
	// Payloads share memory, but none has room to grow into the next one.
	_ = append(messages[0].Data, "overwritten"...)
	equal(t, string(messages[1].Data), "1")
	equal(t, got(p.PublishBatch(ctx, nil))(t), Published{})
}

func TestABatchThatMeetsAFullMailboxTellsHowFarItCame(t *testing.T) {
	ctx, k := begin(t)
	subscribe(t, k, "n", WithDepth(3), WithPolicy(Block))
	p := publisher(t, k, "n")
	published, err := p.PublishBatch(ctx, [][]byte{{1}, {2}, {3}, {4}, {5}})
	wants(t, err, ErrFull)
	equal(t, published.Messages, 3)
}

func TestRecvBatchHoldsToTheRoomThatItIsGiven(t *testing.T) {
	ctx, k := begin(t)
	s := subscribe(t, k, "n")
	for i := range 10 {
		got(k.Publish(ctx, "n", number(i)))(t)
	}
	batch := make([]Message, 0, 4)
	batch = got(s.RecvBatch(ctx, batch))(t)
	equal(t, len(batch), 4)
	batch = got(s.RecvBatch(ctx, batch[:3]))(t)
	equal(t, string(batch[3].Data), "4")
	equal(t, len(got(s.TryRecvBatch(batch))(t)), 4+5)
	equal(t, len(got(s.TryRecvBatch(nil))(t)), 0)
}

func TestPoliciesLoseWhatTheySay(t *testing.T) {
	ctx, k := begin(t)
	for _, c := range []struct {
		policy Policy
		wanted string
		lost   uint64
	}{{DropOldest, "6789", 6}, {DropNewest, "0123", 6}, {Latest, "9", 9}} {
		s := subscribe(t, k, "n", WithDepth(4), WithPolicy(c.policy))
		for i := range 10 {
			got(k.Publish(ctx, "n", number(i)))(t)
		}
		text, lost := "", uint64(0)
		for m := got(s.TryRecv())(t); m != nil; m = got(s.TryRecv())(t) {
			text += string(m.Data)
			lost += m.LostBefore
		}
		lost += got(s.TakeLost())(t)
		equal(t, fmt.Sprint(c.policy, text, lost), fmt.Sprint(c.policy, c.wanted, c.lost))
		s.Close()
	}
	s := subscribe(t, k, "n", WithDepth(1), WithPolicy(Detach))
	for i := range 2 {
		got(k.Publish(ctx, "n", number(i)))(t)
	}
	equal(t, string(got(s.Recv(ctx))(t).Data), "0")
	_, err := s.Recv(ctx)
	wants(t, err, ErrDetached)
}

func TestAGroupSharesItsMessages(t *testing.T) {
	ctx, k := begin(t)
	var sum atomic.Int64
	var done sync.WaitGroup
	for range 4 {
		s := subscribe(t, k, "work", WithGroup("g"))
		done.Add(1)
		go func() {
			defer done.Done()
			for m, err := range s.All(ctx) {
				if err != nil {
					return
				}
				n, _ := strconv.Atoi(string(m.Data))
				sum.Add(int64(n))
			}
		}()
	}
	p := publisher(t, k, "work", WithSendTimeout(Forever))
	for i := range 1000 {
		got(p.Publish(ctx, number(i)))(t)
	}
	k.Close()
	done.Wait()
	equal(t, sum.Load(), 999*1000/2)
}

// A member of a group that has given up waiting must not be woken in place of one that still waits.
func TestAWakeIsNotLostToAMemberThatGaveUp(t *testing.T) {
	ctx, k := begin(t)
	first := subscribe(t, k, "work", WithGroup("g"))
	second := subscribe(t, k, "work", WithGroup("g"))
	for i := range 50 {
		short, cancel := context.WithCancel(ctx)
		left := make(chan error)
		go func() {
			_, err := first.Recv(short)
			left <- err
		}()
		parked(t, first.source)
		cancel()
		wants(t, <-left, context.Canceled)
		received := make(chan *Message)
		go func() {
			m, _ := second.Recv(ctx)
			received <- m
		}()
		parked(t, second.source)
		got(k.Publish(ctx, "work", number(i)))(t)
		if m := <-received; m == nil || string(m.Data) != string(number(i)) {
			t.Fatalf("received %v", m)
		}
	}
}

func TestACancelledWaitLosesNoMessage(t *testing.T) {
	ctx, k := begin(t)
	s := subscribe(t, k, "n", WithWait(WaitPark))
	type result struct {
		message *Message
		err     error
	}
	results := make(chan result)
	for next := range 1000 {
		short, cancel := context.WithCancel(ctx)
		go func() {
			m, err := s.Recv(short)
			results <- result{m, err}
		}()
		parked(t, s.source)
		var r result
		if next%5 == 0 {
			cancel()
			r = <-results
			wants(t, r.err, context.Canceled)
			got(k.Publish(ctx, "n", number(next)))(t)
		} else {
			// Whichever is first: a message that was not received is still there.
			go cancel()
			got(k.Publish(ctx, "n", number(next)))(t)
			r = <-results
		}
		if r.err != nil {
			wants(t, r.err, context.Canceled)
			r.message = got(s.Recv(ctx))(t)
		}
		equal(t, string(r.message.Data), strconv.Itoa(next))
		cancel()
	}
	equal(t, got(s.Queued())(t), 0)
}

func TestAContextEndsAWaitAndSaysSo(t *testing.T) {
	ctx, k := begin(t)
	s := subscribe(t, k, "n")
	short, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	_, err := s.Recv(short)
	wants(t, err, ErrTimeout)
	wants(t, err, context.DeadlineExceeded)
	var timeout interface{ Timeout() bool }
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("%v is no timeout", err)
	}
	_, err = s.RecvBatch(short, nil)
	wants(t, err, ErrTimeout)
	_, err = s.RecvView(short)
	wants(t, err, ErrTimeout)
	_, err = k.Publish(short, "n", nil)
	wants(t, err, ErrTimeout)
	equal(t, got(s.Queued())(t), 0)
	// Nothing of it stays behind.
	got(k.Publish(ctx, "n", []byte("x")))(t)
	equal(t, string(got(s.Recv(ctx))(t).Data), "x")
}

func TestManyGoroutinesWaitForOneSubscription(t *testing.T) {
	ctx, k := begin(t)
	s := subscribe(t, k, "n")
	received := make(chan string)
	short, cancel := context.WithCancel(ctx)
	defer cancel()
	var stay, leave sync.WaitGroup
	wait := func(ctx context.Context, group *sync.WaitGroup) {
		defer group.Done()
		if m, err := s.Recv(ctx); err == nil {
			received <- string(m.Data)
		}
	}
	for range 10 {
		stay.Add(1)
		leave.Add(1)
		go wait(ctx, &stay)
		go wait(short, &leave)
	}
	parked(t, s.source)
	cancel()
	leave.Wait()
	for i := range 10 {
		got(k.Publish(ctx, "n", number(i)))(t)
	}
	seen := map[string]bool{}
	for range 10 {
		seen[<-received] = true
	}
	equal(t, len(seen), 10)
	stay.Wait()
}

func TestAllYieldsMessagesAndThenTheError(t *testing.T) {
	ctx, k := begin(t)
	s := subscribe(t, k, "n")
	for i := range 3 {
		got(k.Publish(ctx, "n", number(i)))(t)
	}
	for m, err := range s.All(ctx) {
		must(t, err)
		equal(t, string(m.Data), "0")
		break
	}
	equal(t, got(s.Queued())(t), 2)
	short, cancel := context.WithCancel(ctx)
	defer cancel()
	text := ""
	for m, err := range s.All(short) {
		if err != nil {
			wants(t, err, context.Canceled)
			text += "!"
			continue
		}
		text += string(m.Data)
		if text == "12" {
			cancel()
		}
	}
	equal(t, text, "12!")
	s.Close()
	for m, err := range s.All(ctx) {
		t.Fatalf("a closed subscription yields %v, %v", m, err)
	}
}

func TestAChannelLosesNothingWhenItEnds(t *testing.T) {
	ctx, k := begin(t)
	s := subscribe(t, k, "n")
	for i := range 10 {
		got(k.Publish(ctx, "n", number(i)))(t)
	}
	short, cancel := context.WithCancel(ctx)
	text := ""
	messages := s.Chan(short, 2)
	text += string((<-messages).Data)
	cancel()
	for m := range messages {
		text += string(m.Data)
	}
	for got(s.Queued())(t) > 0 || s.returned.some.Load() {
		switch len(text) % 3 {
		case 0:
			text += string(got(s.Recv(ctx))(t).Data)
		case 1:
			v := got(s.RecvView(ctx))(t)
			text += string(v.Data())
			v.Release()
		case 2:
			text += string(got(s.RecvBatch(ctx, make([]Message, 0, 1)))(t)[0].Data)
		}
	}
	equal(t, text, "0123456789")
}

func TestAPatientPublisherWaitsForRoom(t *testing.T) {
	ctx, k := begin(t)
	s := subscribe(t, k, "n", WithDepth(1), WithPolicy(Block))
	got(publisher(t, k, "n").Publish(ctx, []byte("0")))(t)
	p := publisher(t, k, "n", WithSendTimeout(Forever))
	published := make(chan error)
	go func() {
		_, err := p.PublishBatch(ctx, [][]byte{[]byte("1"), []byte("2")})
		published <- err
	}()
	for i := range 3 {
		equal(t, string(got(s.Recv(ctx))(t).Data), strconv.Itoa(i))
	}
	must(t, <-published)

	got(k.Publish(ctx, "n", []byte("3")))(t)
	short, cancel := context.WithCancel(ctx)
	go func() {
		_, err := p.Publish(short, []byte("never"))
		published <- err
	}()
	cancel()
	wants(t, <-published, context.Canceled)
	hasty := publisher(t, k, "n", WithSendTimeout(time.Millisecond))
	_, err := hasty.Publish(ctx, []byte("never"))
	wants(t, err, ErrFull)
	equal(t, got(k.Counters())(t).Routes[0].TimedOut, 1)

	go func() {
		loan, err := p.Loan(1)
		if err == nil {
			loan.Data()[0] = '4'
			_, err = loan.Send(ctx)
		}
		published <- err
	}()
	equal(t, string(got(s.Recv(ctx))(t).Data), "3")
	equal(t, string(got(s.Recv(ctx))(t).Data), "4")
	must(t, <-published)
}

func TestALoanIsWrittenWhereItIsRead(t *testing.T) {
	ctx, k := begin(t)
	a, b := subscribe(t, k, "n"), subscribe(t, k, "n")
	p := publisher(t, k, "n")
	loan := got(p.Loan(1 << 20))(t)
	place := &loan.Data()[0]
	copy(loan.Data(), "hello")
	must(t, loan.Truncate(500_000))
	wants(t, loan.Truncate(500_001), ErrInvalid)
	wants(t, loan.Truncate(-1), ErrInvalid)
	equal(t, got(loan.Send(ctx))(t).Accepted, 2)
	first, second := got(a.RecvView(ctx))(t), got(b.RecvView(ctx))(t)
	defer first.Release()
	defer second.Release()
	equal(t, len(first.Data()), 500_000)
	equal(t, string(second.Data()[:5]), "hello")
	if &first.Data()[0] != &second.Data()[0] || &first.Data()[0] != place {
		t.Error("the payload was copied")
	}
	_, err := loan.Send(ctx)
	wants(t, err, ErrMisuse)
	wants(t, loan.Truncate(1), ErrMisuse)
	loan.Abort()
	got(p.Loan(0))(t).Abort()
	_, err = p.Loan(-1)
	wants(t, err, ErrInvalid)
	short, cancel := context.WithCancel(ctx)
	cancel()
	_, err = got(p.Loan(10))(t).Send(short)
	wants(t, err, context.Canceled)
}
