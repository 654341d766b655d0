package month

import "encoding/json"

// Delays are a number of flights and how late they left.
type Delays struct {
	Flights, Departed uint64
	Minutes           int64
}

// MarshalJSON writes it as an array.
func (d Delays) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{d.Flights, d.Departed, d.Minutes})
}

func (d *Delays) add(flight *Flight) {
	d.Flights++
	if flight.DepartureDelay != Missing {
		d.Departed++
		d.Minutes += int64(flight.DepartureDelay)
	}
}

// Merge adds other to it.
func (d *Delays) Merge(other Delays) {
	d.Flights += other.Flights
	d.Departed += other.Departed
	d.Minutes += other.Minutes
}

// A Tally sums up delays by carrier and route.
type Tally struct {
	Total    Delays              `json:"total"`
	Carriers map[Carrier]*Delays `json:"carriers"`
	Routes   map[Route]*Delays   `json:"routes,omitempty"`
}

// NewTally is an empty one.
func NewTally() *Tally {
	return &Tally{Carriers: map[Carrier]*Delays{}, Routes: map[Route]*Delays{}}
}

// Add adds a flight.
func (t *Tally) Add(flight *Flight) {
	t.Total.add(flight)
	entry(t.Carriers, flight.Carrier).add(flight)
	entry(t.Routes, flight.Route).add(flight)
}

// Merge adds other to it.
func (t *Tally) Merge(other *Tally) {
	t.Total.Merge(other.Total)
	for carrier, delays := range other.Carriers {
		entry(t.Carriers, carrier).Merge(*delays)
	}
	for route, delays := range other.Routes {
		entry(t.Routes, route).Merge(*delays)
	}
}

func entry[K comparable](sums map[K]*Delays, key K) *Delays {
	found := sums[key]
	if found == nil {
		found = &Delays{}
		sums[key] = found
	}
	return found
}
