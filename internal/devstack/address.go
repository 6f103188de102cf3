package devstack

import (
	"context"
	"net"
)

// freeAddresses returns n different addresses of loopback that nobody listens on.
func freeAddresses(n int) ([]string, error) {
	addresses := make([]string, n)
	for i := range addresses {
		listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		// Held until all are found, so that none is given twice.
		defer listener.Close() //nolint:errcheck // nothing was sent
		addresses[i] = listener.Addr().String()
	}
	return addresses, nil
}

// dials returns a probe for an address that takes connections.
func dials(network, address string) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return err
		}
		return conn.Close()
	}
}
