// Package delays is the service that answers with the mean delay of a carrier, as its callers and
// those that serve it see it.
package delays

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"

	neo "github.com/neo-qiss/messaging-kernel/bindings/go"
	"github.com/neo-qiss/messaging-kernel/examples/go/internal/month"
)

// Name is what the service is called by, and Method what it is asked for.
const (
	Name   = "delays"
	Method = "mean"
)

// A Mean is an answer.
type Mean struct {
	Minutes float64
	// Departed is the number of flights that it is the mean of.
	Departed uint64
}

// MeanOf is the mean of some delays.
func MeanOf(sum month.Delays) Mean {
	return Mean{float64(sum.Minutes) / float64(sum.Departed), sum.Departed}
}

// Encode is its message: 16 bytes, little-endian.
func (m Mean) Encode() []byte {
	bytes := binary.LittleEndian.AppendUint64(nil, math.Float64bits(m.Minutes))
	return binary.LittleEndian.AppendUint64(bytes, m.Departed)
}

// MarshalJSON writes it as an array.
func (m Mean) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{m.Minutes, m.Departed})
}

func decode(answer []byte) (Mean, error) {
	if len(answer) != 16 {
		return Mean{}, errors.New("an answer must have 16 bytes")
	}
	minutes := math.Float64frombits(binary.LittleEndian.Uint64(answer))
	return Mean{minutes, binary.LittleEndian.Uint64(answer[8:])}, nil
}

// Means asks the service for each carrier. It has none of those that never departed; nobody has any
// if it is not served.
func Means(
	ctx context.Context, kernel *neo.Kernel, carriers map[month.Carrier]*month.Delays,
) (map[month.Carrier]Mean, error) {
	means := map[month.Carrier]Mean{}
	for carrier := range carriers {
		answer, err := kernel.Call(ctx, Name, Method, carrier[:])
		if errors.Is(err, neo.ErrNoResponder) {
			break
		}
		if errors.Is(err, neo.ErrService) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if means[carrier], err = decode(answer); err != nil {
			return nil, err
		}
	}
	return means, nil
}
