#!/bin/sh
# Builds the interpreter, with the library in it, as TARGET/conformance/c. Run at the root.
set -eu
target=$1
cargo build --quiet --package neo-ffi
mkdir -p "$target/conformance"
gcc -std=gnu11 -g -O1 -Wall -Wextra -Wpedantic -Werror -I include bindings/conformance/c/*.c \
    -o "$target/conformance/c" "$target/debug/libneo.a" \
    $(cat neo-ffi/packaging/native-static-libs.txt)
