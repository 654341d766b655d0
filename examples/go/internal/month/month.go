// Package month is the month of flights: the file, a flight in a message, and sums over flights.
// Nothing here knows Neo.
package month

import (
	"cmp"
	"encoding/binary"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
)

// Missing is a delay that the file does not know.
const Missing = math.MinInt16

// flightBytes is the size of a flight in a message.
const flightBytes = 18

// Days of the month, and minutes of a day.
const (
	Days          = 31
	MinutesPerDay = 24 * 60
)

// A Carrier has two letters.
type Carrier [2]byte

// An Airport has three letters.
type Airport [3]byte

// A Route is where a flight begins and ends.
type Route struct{ Origin, Destination Airport }

// MarshalText makes it a key of JSON objects.
func (c Carrier) MarshalText() ([]byte, error) { return c[:], nil }

// MarshalText makes it a key of JSON objects.
func (r Route) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%s-%s", r.Origin, r.Destination), nil
}

// A Flight is what the demo keeps of a row.
type Flight struct {
	// Scheduled is its departure in minutes since the month began.
	Scheduled uint32
	// DepartureDelay and ArrivalDelay are minutes, or Missing.
	DepartureDelay, ArrivalDelay int16
	Number                       uint16
	Carrier                      Carrier
	Route                        Route
}

// Topic is what it is published on.
func (f *Flight) Topic() string {
	return fmt.Sprintf("flights.%s.%s.%s", f.Route.Origin, f.Carrier, f.Route.Destination)
}

// Encode is its message: fixed places, little-endian.
func (f *Flight) Encode() []byte {
	bytes := binary.LittleEndian.AppendUint32(make([]byte, 0, flightBytes), f.Scheduled)
	bytes = binary.LittleEndian.AppendUint16(bytes, uint16(f.DepartureDelay))
	bytes = binary.LittleEndian.AppendUint16(bytes, uint16(f.ArrivalDelay))
	bytes = binary.LittleEndian.AppendUint16(bytes, f.Number)
	bytes = append(bytes, f.Carrier[:]...)
	bytes = append(bytes, f.Route.Origin[:]...)
	return append(bytes, f.Route.Destination[:]...)
}

// Decode reads a message.
func Decode(message []byte) (Flight, error) {
	if len(message) != flightBytes {
		return Flight{}, fmt.Errorf("no flight has %d bytes", len(message))
	}
	return Flight{
		Scheduled:      binary.LittleEndian.Uint32(message),
		DepartureDelay: int16(binary.LittleEndian.Uint16(message[4:])),
		ArrivalDelay:   int16(binary.LittleEndian.Uint16(message[6:])),
		Number:         binary.LittleEndian.Uint16(message[8:]),
		Carrier:        Carrier(message[10:12]),
		Route:          Route{Airport(message[12:15]), Airport(message[15:18])},
	}, nil
}

// Load reads the flights of a file, in the order of their scheduled departures.
func Load(path string) ([]Flight, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(rows) < 2 || len(rows[0]) != 19 {
		return nil, fmt.Errorf("%s: no flights in 19 columns", path)
	}
	flights := make([]Flight, 0, len(rows)-1)
	for _, row := range rows[1:] {
		flight, err := parse(row)
		if err != nil {
			return nil, fmt.Errorf("%s: %v: %w", path, row, err)
		}
		flights = append(flights, flight)
	}
	slices.SortStableFunc(flights, func(a, b Flight) int {
		return cmp.Compare(a.Scheduled, b.Scheduled)
	})
	return flights, nil
}

func parse(row []string) (flight Flight, err error) {
	number := func(column, bits int) int64 {
		value, wrong := strconv.ParseInt(row[column], 10, bits)
		err = cmp.Or(err, wrong)
		return value
	}
	delay := func(column int) int16 {
		if row[column] == "NA" {
			return Missing
		}
		return int16(number(column, 16))
	}
	code := func(column, letters int) []byte {
		if len(row[column]) != letters {
			err = cmp.Or(err, fmt.Errorf("`%s` has not %d letters", row[column], letters))
			return make([]byte, letters)
		}
		return []byte(row[column])
	}
	day, hour, minute := number(2, 8), number(16, 8), number(17, 8)
	return Flight{
		Scheduled:      uint32(((day-1)*24+hour)*60 + minute),
		DepartureDelay: delay(5),
		ArrivalDelay:   delay(8),
		Carrier:        Carrier(code(9, 2)),
		Number:         uint16(number(10, 32)),
		Route:          Route{Airport(code(12, 3)), Airport(code(13, 3))},
	}, err
}
