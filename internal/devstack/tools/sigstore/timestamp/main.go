// Command timestamp is the Sigstore timestamp authority (RFC 3161) with a key
// from a file, on one loopback address. The authority's own command also
// serves metrics on port 2112 of all interfaces.
package main

import (
	"flag"
	"log"
	"net"
	"strconv"
	"time"

	"github.com/sigstore/timestamp-authority/v2/pkg/server"
	"github.com/spf13/viper"
)

func main() {
	address := flag.String("address", "127.0.0.1:3004", "host:port to serve on")
	chain := flag.String("chain", "", "PEM file of the authority's certificate chain, leaf first")
	key := flag.String("key", "", "PEM file of the authority's private key")
	flag.Parse()
	if err := run(*address, *chain, *key); err != nil {
		log.Fatal(err)
	}
}

func run(address, chain, key string) error {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	const sigstorePolicy = "1.3.6.1.4.1.57264.2"
	// The authority's packages read their settings from viper by the names of its command's flags.
	for name, value := range map[string]any{
		"timestamp-signer":       "file",
		"timestamp-signer-hash":  "sha256",
		"file-signer-key-path":   key,
		"certificate-chain-path": chain,
		"default-policy-oid":     sigstorePolicy,
		"accepted-policy-oids":   []string{sigstorePolicy},
		"max-request-body-size":  1 << 20,
	} {
		viper.Set(name, value)
	}
	return server.NewRestAPIServer(host, port, []string{"http"}, false, 30*time.Second, 30*time.Second).Serve()
}
