package devstack

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"time"
)

// goproxyAddress is where RUN steps find Go modules. The address is part of
// the base image, so it should stay the same for layers to be found again.
const goproxyAddress = "127.0.0.1:38117"

// goproxyFree returns goproxyAddress, or another free one if it is taken.
func goproxyFree() (string, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", goproxyAddress)
	if err == nil {
		return goproxyAddress, listener.Close()
	}
	addresses, err := freeAddresses(1)
	if err != nil {
		return "", err
	}
	return addresses[0], nil
}

// packagesPath is where RUN steps find sets of Debian packages beside modules.
const packagesPath = "/debian/"

func packagesDir(cache string) string { return filepath.Join(cache, "apt") }

// serveSources serves what RUN steps fetch: a module cache as a module proxy,
// which its download folder is laid out as, and sets of Debian packages.
// https://go.dev/ref/mod#goproxy-protocol
func serveSources(ctx context.Context, address, modcache, packages string) (*http.Server, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServer(http.Dir(filepath.Join(modcache, "cache", "download"))))
	mux.Handle(packagesPath, http.StripPrefix(packagesPath, http.FileServer(http.Dir(packages))))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }() // ends with Close
	return server, nil
}
