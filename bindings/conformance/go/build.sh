#!/bin/sh
# Builds the interpreter and the peer: build.sh TARGET-FOLDER, run at the root.
set -e
cargo xtask go >&2
mkdir -p "$1/conformance/go"
go -C bindings/conformance/go build -o "$1/conformance/go/" ./...
