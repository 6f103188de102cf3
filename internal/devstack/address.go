package devstack

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports below those that a system gives to connections that go out, on Linux
// from 32768 on, so that none of these takes an address between its choice and
// the start of the server that it is for.
const (
	firstPort = 20_000
	lastPort  = 32_000
)

// freeAddresses returns n different addresses of loopback that nobody listens on.
func freeAddresses(n int) ([]string, error) {
	var addresses []string
	for tries := 0; len(addresses) < n; tries++ {
		port := firstPort + rand.IntN(lastPort-firstPort) //nolint:gosec // no secret
		listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		switch {
		case err == nil:
			// Held until all are found, so that none is given twice.
			defer listener.Close() //nolint:errcheck // nothing was sent
			addresses = append(addresses, listener.Addr().String())
		case tries == 100:
			return nil, err
		}
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
