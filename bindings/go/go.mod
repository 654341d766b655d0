module github.com/neo-qiss/messaging-kernel/bindings/go

go 1.24
