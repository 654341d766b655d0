//go:build !cgo || !unix

package neo

// Neo is a native library: build with CGO_ENABLED=1 and a C compiler, on Linux or another Unix.
var _ = neo_needs_CGO_ENABLED_1_and_a_C_compiler_on_a_Unix_system
