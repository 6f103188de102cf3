package devstack

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// Ports below those that a system gives to connections that go out, on Linux
// from 32768 on, so that none of these takes an address between its choice and
// the start of the server that it is for.
const (
	firstPort = 20_000
	lastPort  = 32_000
)

// given are the ports that this process was given: each once, since it may be
// about to listen there.
var given sync.Map

// freeAddresses returns n different addresses of loopback that nobody listens on.
func freeAddresses(n int) ([]string, error) {
	var addresses []string
	var refused error
	for range lastPort - firstPort {
		if len(addresses) == n {
			return addresses, nil
		}
		port := firstPort + rand.IntN(lastPort-firstPort)
		if _, twice := given.LoadOrStore(port, true); twice {
			continue
		}
		listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			refused = err
			continue
		}
		// Held until all are found, for others who look for one.
		defer listener.Close() //nolint:errcheck // nothing was sent
		addresses = append(addresses, listener.Addr().String())
	}
	return nil, fmt.Errorf("look for %d free ports from %d on: %w", n, firstPort, refused)
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
