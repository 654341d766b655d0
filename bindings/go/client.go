//go:build cgo && unix

package neo

import (
	"context"
	"io"
	"sync"
	"time"
)

// ClientConfig says which kernel a Client connects to, and its limits. Begin with DefaultClientConfig.
// A limit of 0 is the library's default.
type ClientConfig struct {
	// URL names the kernel; empty for what the environment variable NEO_URL names, else mem://default.
	URL string
	// CallTimeout is how long a call waits if its context has no earlier deadline.
	CallTimeout time.Duration
	// MemoryBytes limits the payload memory of the kernel.
	MemoryBytes int64
	// Options are more options of Open.
	Options []Option
}

// DefaultClientConfig is the kernel that the environment names, with the default limits.
func DefaultClientConfig() ClientConfig { return ClientConfig{CallTimeout: callTimeoutDefault} }

func (c *ClientConfig) options() []Option {
	var options []Option
	if c.CallTimeout != 0 {
		options = append(options, WithCallTimeout(c.CallTimeout))
	}
	if c.MemoryBytes != 0 {
		options = append(options, WithMemory(c.MemoryBytes))
	}
	return append(options, c.Options...)
}

// Client is a Kernel that is opened by Connect, for programs that make and connect their clients in
// different places. All its methods may be called from any goroutine at any time.
type Client struct {
	config ClientConfig
	mutex  sync.Mutex
	kernel *Kernel
	closed bool
}

var _ io.Closer = (*Client)(nil)

// NewClient makes a client, which is not connected yet.
//
// Errors: ErrInvalid for a limit below 0.
func NewClient(config ClientConfig) (*Client, error) {
	if config.MemoryBytes < 0 {
		_, err := size("client", "ClientConfig.MemoryBytes", config.MemoryBytes)
		return nil, err
	}
	return &Client{config: config}, nil
}

// Connect opens the kernel. Connecting twice does nothing.
//
// Errors as Open; ErrClosed after Close.
func (c *Client) Connect(ctx context.Context) error {
	if ctx.Err() != nil {
		return done("connect", ctx)
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.closed {
		return fail(ErrClosed, "connect", "the client is closed: make another")
	}
	if c.kernel != nil {
		return nil
	}
	var err error
	if c.config.URL == "" {
		c.kernel, err = OpenFromEnv(c.config.options()...)
	} else {
		c.kernel, err = Open(c.config.URL, c.config.options()...)
	}
	return err
}

// Kernel is what the client is connected to.
//
// Errors: ErrMisuse before Connect, ErrClosed after Close.
func (c *Client) Kernel() (*Kernel, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	switch {
	case c.closed:
		return nil, fail(ErrClosed, "client", "the client is closed")
	case c.kernel == nil:
		return nil, fail(ErrMisuse, "client", "the client is not connected: call Connect before")
	}
	return c.kernel, nil
}

// Close closes the kernel. Closing twice does nothing.
func (c *Client) Close() error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.closed = true
	if c.kernel == nil {
		return nil
	}
	return c.kernel.Close()
}

// Call is Kernel.Call.
func (c *Client) Call(ctx context.Context, service, method string, data []byte) ([]byte, error) {
	kernel, err := c.Kernel()
	if err != nil {
		return nil, err
	}
	return kernel.Call(ctx, service, method, data)
}

// Publish is Kernel.Publish.
func (c *Client) Publish(ctx context.Context, topic string, data []byte) (Published, error) {
	kernel, err := c.Kernel()
	if err != nil {
		return Published{}, err
	}
	return kernel.Publish(ctx, topic, data)
}

// Publisher is Kernel.Publisher.
func (c *Client) Publisher(topic string, options ...PublisherOption) (*Publisher, error) {
	kernel, err := c.Kernel()
	if err != nil {
		return nil, err
	}
	return kernel.Publisher(topic, options...)
}

// Subscribe is Kernel.Subscribe.
func (c *Client) Subscribe(pattern string, options ...SubscribeOption) (*Subscription, error) {
	kernel, err := c.Kernel()
	if err != nil {
		return nil, err
	}
	return kernel.Subscribe(pattern, options...)
}

// Serve is Kernel.Serve.
func (c *Client) Serve(
	ctx context.Context, name string, handler Handler, options ...ServiceOption,
) (*Service, error) {
	kernel, err := c.Kernel()
	if err != nil {
		return nil, err
	}
	return kernel.Serve(ctx, name, handler, options...)
}
