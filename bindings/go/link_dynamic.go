//go:build cgo && neo_dynamic

package neo

// The library that `cargo xtask dist` installed; PKG_CONFIG_PATH says where.

// #cgo pkg-config: neo
import "C"
