package neo

// #include "shim.h"
import "C"

// kinds are the kinds of objects that the library counts, by their numbers in neo.h.
var kinds = map[C.int32_t]string{
	C.NEO_LIVE_KERNELS:       "kernels",
	C.NEO_LIVE_PUBLISHERS:    "publishers",
	C.NEO_LIVE_SUBSCRIPTIONS: "subscriptions",
	C.NEO_LIVE_SERVICES:      "services",
	C.NEO_LIVE_REQUESTS:      "requests",
	C.NEO_LIVE_MESSAGES:      "messages",
	C.NEO_LIVE_LOANS:         "loans",
	C.NEO_LIVE_POLLERS:       "pollers",
	C.NEO_LIVE_CALLS:         "calls",
	C.NEO_LIVE_ROOMS:         "rooms",
	C.NEO_LIVE_WAKES:         "wakes",
	C.NEO_LIVE_BATCHES:       "batches",
	C.NEO_LIVE_COUNTERS:      "counters",
}

// Live counts the objects of the library that this process has made and not given back, by kind; kinds
// of which there are none are left out. Tests prove by it that nothing leaks. It is exact while no
// other goroutine makes or closes one.
func Live() map[string]uint64 {
	live := make(map[string]uint64)
	for kind, name := range kinds {
		if count := uint64(C.neo_debug_live(kind)); count > 0 {
			live[name] = count
		}
	}
	return live
}

// Version is the version of the library, such as "0.1.0".
func Version() string { return C.GoString(C.neo_version()) }
