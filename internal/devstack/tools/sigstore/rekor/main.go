// Command rekor is Rekor v1 over a Trillian log server, on one loopback
// address and without a search index. Rekor's own command also serves metrics
// on all interfaces.
package main

import (
	"flag"
	"log"
	"net"
	"strconv"

	"github.com/go-openapi/loads"
	"github.com/spf13/viper"

	"github.com/sigstore/rekor/pkg/api"
	"github.com/sigstore/rekor/pkg/generated/restapi"
	"github.com/sigstore/rekor/pkg/generated/restapi/operations"
	"github.com/sigstore/rekor/pkg/types"
	"github.com/sigstore/rekor/pkg/types/dsse"
	_ "github.com/sigstore/rekor/pkg/types/dsse/v0.0.1" // registers the entry type
	"github.com/sigstore/rekor/pkg/types/hashedrekord"
	_ "github.com/sigstore/rekor/pkg/types/hashedrekord/v0.0.1" // registers the entry type
	"github.com/sigstore/rekor/pkg/types/intoto"
	_ "github.com/sigstore/rekor/pkg/types/intoto/v0.0.1" // registers the entry type
	_ "github.com/sigstore/rekor/pkg/types/intoto/v0.0.2" // registers the entry type
)

func main() {
	address := flag.String("address", "127.0.0.1:3000", "host:port to serve on")
	trillian := flag.String("trillian", "127.0.0.1:8090", "host:port of the Trillian log server")
	tree := flag.Int64("tree", 0, "ID of the log's tree in Trillian; 0 makes one")
	key := flag.String("key", "", "PEM file of the log's private key")
	hostname := flag.String("hostname", "rekor.local", "the log's name in its checkpoints")
	flag.Parse()
	if err := run(*address, *trillian, *tree, *key, *hostname); err != nil {
		log.Fatal(err)
	}
}

func run(address, trillian string, tree int64, key, hostname string) error {
	host, port, err := splitPort(address)
	if err != nil {
		return err
	}
	trillianHost, trillianPort, err := splitPort(trillian)
	if err != nil {
		return err
	}
	// Rekor's packages read their settings from viper by the names of its command's flags.
	for name, value := range map[string]any{
		"rekor_server.hostname":       hostname,
		"rekor_server.signer":         key,
		"trillian_log_server.address": trillianHost,
		"trillian_log_server.port":    trillianPort,
		"enabled_api_endpoints": []string{
			"createLogEntry", "getLogEntryByIndex", "getLogEntryByUUID", "getLogInfo", "getLogProof", "getPublicKey", "searchLogQuery",
		},
	} {
		viper.Set(name, value)
	}
	types.SetAllowedKindsForSubmission([]string{dsse.KIND, hashedrekord.KIND, intoto.KIND})
	document, err := loads.Embedded(restapi.SwaggerJSON, restapi.FlatSwaggerJSON)
	if err != nil {
		return err
	}
	server := restapi.NewServer(operations.NewRekorServerAPI(document))
	server.Host, server.Port, server.EnabledListeners = host, port, []string{"http"}
	api.ConfigureAPI(tree)
	server.ConfigureAPI()
	return server.Serve()
}

func splitPort(address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	port, err = strconv.Atoi(text)
	return host, port, err
}
