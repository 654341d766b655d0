//go:build cgo && !neo_dynamic

package neo

// The archive and the header are put in place by `cargo xtask go`.

// #cgo CFLAGS: -I${SRCDIR}/lib/include
// #cgo linux,amd64 LDFLAGS: ${SRCDIR}/lib/linux_amd64/libneo.a
// #cgo linux,arm64 LDFLAGS: ${SRCDIR}/lib/linux_arm64/libneo.a
// #cgo darwin,amd64 LDFLAGS: ${SRCDIR}/lib/darwin_amd64/libneo.a
// #cgo darwin,arm64 LDFLAGS: ${SRCDIR}/lib/darwin_arm64/libneo.a
// #cgo linux LDFLAGS: -lgcc_s -lutil -lrt -lpthread -lm -ldl -lc
import "C"
