package main

import (
	"context"
	"fmt"

	neo "github.com/neo-qiss/messaging-kernel/bindings/go"
	"github.com/neo-qiss/messaging-kernel/examples/go/internal/delays"
	"github.com/neo-qiss/messaging-kernel/examples/go/internal/month"
)

// A line is what the program prints.
type line struct {
	Published uint64                        `json:"published"`
	Dropped   uint64                        `json:"dropped"`
	TimedOut  uint64                        `json:"timed_out"`
	Seconds   float64                       `json:"seconds"`
	JFK       *month.Tally                  `json:"jfk"`
	Desks     *month.Tally                  `json:"desks"`
	Means     map[month.Carrier]delays.Mean `json:"means"`
	Board     map[string][4]any             `json:"board"`
	Accounts  map[string]account            `json:"accounts"`
}

// An account is what the kernel counted for a role, beside what its readers did.
type account struct {
	Received  uint64 `json:"received"`
	ToldLost  uint64 `json:"told_lost"`
	Delivered uint64 `json:"delivered"`
	Lost      uint64 `json:"lost"`
	TimedOut  uint64 `json:"timed_out"`
	Queued    uint64 `json:"queued"`
}

// report is for when everybody has ended.
func (s *stage) report(ctx context.Context) (*line, error) {
	all := month.NewTally()
	for _, desk := range s.desks {
		all.Merge(desk.sums)
	}
	means, err := delays.Means(ctx, s.kernel, all.Carriers)
	if err != nil {
		return nil, err
	}
	accounts, err := s.accounts()
	if err != nil {
		return nil, err
	}
	shown := map[string][4]any{}
	for topic, flight := range s.newest {
		departure, arrival := delay(flight.DepartureDelay), delay(flight.ArrivalDelay)
		shown[topic] = [4]any{flight.Scheduled, departure, arrival, flight.Number}
	}
	return &line{
		Published: s.published, Dropped: s.dropped, TimedOut: s.late,
		Seconds: s.took.Seconds(), JFK: s.jfk.sums, Desks: all,
		Means: means, Board: shown, Accounts: accounts,
	}, nil
}

// delay is nil if it is missing.
func delay(minutes int16) any {
	if minutes == month.Missing {
		return nil
	}
	return minutes
}

func (s *stage) accounts() (map[string]account, error) {
	counters, err := s.kernel.Counters()
	if err != nil {
		return nil, err
	}
	accounts := map[string]account{}
	for _, reader := range s.readers {
		if err := reader.end(); err != nil {
			return nil, err
		}
		account, known := accounts[reader.role.name]
		if !known {
			route, err := find(counters, reader.role)
			if err != nil {
				return nil, err
			}
			account.Delivered, account.Lost = route.Delivered, route.Lost
			account.TimedOut, account.Queued = route.TimedOut, route.Queued
		}
		account.Received += reader.received
		account.ToldLost += reader.toldLost
		accounts[reader.role.name] = account
	}
	return accounts, nil
}

func find(counters *neo.Counters, of role) (*neo.Route, error) {
	for i := range counters.Routes {
		route := &counters.Routes[i]
		if route.Pattern == of.pattern && route.Group == of.group && route.Policy == of.policy {
			return route, nil
		}
	}
	return nil, fmt.Errorf("%s has no counters", of.name)
}
