#!/bin/sh
# Builds the interpreter, with the library in it, as TARGET/conformance/cpp. Run at the root.
set -eu
target=$1
cargo build --quiet --package neo-ffi
mkdir -p "$target/conformance"
warnings="-Wall -Wextra -Wpedantic -Werror"
gcc -std=gnu11 -g -O1 $warnings -I include -c bindings/conformance/c/step.c \
    -o "$target/conformance/cpp-step.o"
g++ -std=c++17 -g -O1 $warnings -Wconversion -I include -I bindings/conformance/c \
    bindings/conformance/cpp/*.cpp "$target/conformance/cpp-step.o" \
    -o "$target/conformance/cpp" "$target/debug/libneo.a" \
    $(cat neo-ffi/packaging/native-static-libs.txt)
