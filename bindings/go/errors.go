package neo

// #include "shim.h"
import "C"

import (
	"context"
	"errors"
	"syscall"
	"unsafe"
)

// Code is what went wrong. Codes are errors themselves, for errors.Is:
//
//	if errors.Is(err, neo.ErrFull) { ... }
//
// Their numbers are those of neo.h and never change.
type Code int32

// The codes.
const (
	ErrInvalid     Code = C.NEO_E_INVALID      // an argument is not valid
	ErrTooLarge    Code = C.NEO_E_TOO_LARGE    // a message is larger than a limit
	ErrFull        Code = C.NEO_E_FULL         // memory, a table or a mailbox has no room
	ErrTimeout     Code = C.NEO_E_TIMEOUT      // the time given has passed
	ErrClosed      Code = C.NEO_E_CLOSED       // the handle or its kernel is closed
	ErrDetached    Code = C.NEO_E_DETACHED     // the subscription was full and has been closed
	ErrNoResponder Code = C.NEO_E_NO_RESPONDER // nobody serves what was called
	ErrNoReply     Code = C.NEO_E_NO_REPLY     // the service dropped the request unanswered
	ErrPeerDied    Code = C.NEO_E_PEER_DIED    // the process that worked on the call died
	ErrService     Code = C.NEO_E_SERVICE      // the service answered with an error
	ErrPanicked    Code = C.NEO_E_PANICKED     // the service's handler panicked
	ErrUnsupported Code = C.NEO_E_UNSUPPORTED  // this kind of kernel cannot do that
	ErrOS          Code = C.NEO_E_OS           // the operating system refused
	ErrForked      Code = C.NEO_E_FORKED       // the handle belongs to the parent process
	ErrInterrupted Code = C.NEO_E_INTERRUPTED  // the context was cancelled
	ErrMisuse      Code = C.NEO_E_MISUSE       // the handle cannot be used like this
	ErrInternal    Code = C.NEO_E_INTERNAL     // a defect of the library
	ErrBadHandle   Code = C.NEO_E_BAD_HANDLE   // the handle is not alive
	ErrVersion     Code = C.NEO_E_VERSION      // the library is of another version
	ErrNotFound    Code = C.NEO_E_NOT_FOUND    // nothing has that name
)

// Error says in a few words what the code means.
func (c Code) Error() string { return C.GoString(C.neo_status_str(C.neo_status_t(c))) }

// Symbol is the name of the code in neo.h, such as NEO_E_CLOSED.
func (c Code) Symbol() string { return C.GoString(C.neo_status_name(C.neo_status_t(c))) }

// Error is what every function of this package returns when it fails. errors.Is finds its Code, and
// the error of the context if that ended a wait, or the syscall.Errno of what the operating system
// refused.
type Error struct {
	// Code is what went wrong.
	Code Code
	// Op is what was asked for, such as "subscribe flights.*".
	Op string
	// Text is for a person: it names the value and the limit, and what to do. With ErrService it is
	// what the service answered.
	Text string

	cause error
}

// Error is the operation and the text.
func (e *Error) Error() string { return "neo: " + e.Op + ": " + e.Text }

// Unwrap gives the code, and the context's error if that ended a wait, or the syscall.Errno that the
// operating system gave as the reason with ErrOS.
func (e *Error) Unwrap() []error {
	if e.cause != nil {
		return []error{e.Code, e.cause}
	}
	return []error{e.Code}
}

// Timeout reports whether a deadline passed, as net.Error has it.
func (e *Error) Timeout() bool { return e.Code == ErrTimeout }

func fail(code Code, op, text string) error { return &Error{Code: code, Op: op, Text: text} }

// failure is the error that a function of the library has left in err.
func failure(op string, status C.int32_t, err *C.neo_error_t) error {
	code := Code(status)
	text := ""
	if err != nil && err.code == status && err.len > 0 {
		text = string(unsafe.Slice((*byte)(unsafe.Pointer(&err.msg[0])), int(err.len)))
	}
	if text == "" {
		text = code.Error()
	}
	failed := &Error{Code: code, Op: op, Text: text}
	if err != nil && err.code == status && err.os_errno != 0 {
		failed.cause = syscall.Errno(err.os_errno)
	}
	return failed
}

// done is the error of a context that has ended.
func done(op string, ctx context.Context) error {
	cause := ctx.Err()
	code := ErrInterrupted
	if errors.Is(cause, context.DeadlineExceeded) {
		code = ErrTimeout
	}
	return &Error{Code: code, Op: op, Text: cause.Error(), cause: cause}
}

// address and letters are where a payload and a text stand, for a call that only reads them.
func address(data []byte) *C.uint8_t { return (*C.uint8_t)(unsafe.SliceData(data)) }
func letters(text string) *C.uint8_t { return (*C.uint8_t)(unsafe.StringData(text)) }

// textOf is a copy of a text of the library.
func textOf(slice C.neo_slice_t) string {
	return string(unsafe.Slice((*byte)(slice.data), int(slice.len)))
}
