module github.com/neo-qiss/messaging-kernel/examples/go

go 1.24

require github.com/neo-qiss/messaging-kernel/bindings/go v0.0.0

replace github.com/neo-qiss/messaging-kernel/bindings/go => ../../bindings/go
