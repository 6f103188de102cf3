// Command fulcio is Fulcio's certificate service with a file CA, on one
// loopback address. Fulcio's own command also serves metrics on all
// interfaces, and links the clients of every cloud's key store.
package main

import (
	"context"
	"flag"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	ctclient "github.com/google/certificate-transparency-go/client"
	"github.com/google/certificate-transparency-go/jsonclient"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	v1 "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore/pkg/signature"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/sigstore/fulcio/pkg/ca/fileca"
	"github.com/sigstore/fulcio/pkg/config"
	"github.com/sigstore/fulcio/pkg/generated/protobuf"
	"github.com/sigstore/fulcio/pkg/server"
)

type options struct{ address, config, cert, key, ctURL, ctKey string }

func main() {
	var o options
	flag.StringVar(&o.address, "address", "127.0.0.1:5555", "host:port to serve on")
	flag.StringVar(&o.config, "config", "", "file of the OIDC issuers, as Fulcio's --config-path")
	flag.StringVar(&o.cert, "cert", "", "PEM file of the CA's certificate chain")
	flag.StringVar(&o.key, "key", "", "PEM file of the CA's private key")
	flag.StringVar(&o.ctURL, "ct-log", "", "URL of the certificate transparency log")
	flag.StringVar(&o.ctKey, "ct-log-key", "", "PEM file of that log's public key")
	flag.Parse()
	if err := run(context.Background(), o); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, o options) error {
	// Reads each issuer's discovery document as well.
	cfg, err := config.Load(o.config)
	if err != nil {
		return err
	}
	ca, err := fileca.NewFileCA(o.cert, o.key, "", false)
	if err != nil {
		return err
	}
	ctKey, err := os.ReadFile(o.ctKey)
	if err != nil {
		return err
	}
	ct, err := ctclient.New(o.ctURL, &http.Client{Timeout: 30 * time.Second}, jsonclient.Options{PublicKey: string(ctKey)})
	if err != nil {
		return err
	}
	algorithms, err := signature.NewAlgorithmRegistryConfig([]v1.PublicKeyDetails{
		v1.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256,
		v1.PublicKeyDetails_PKIX_ECDSA_P384_SHA_384,
		v1.PublicKeyDetails_PKIX_ED25519,
	})
	if err != nil {
		return err
	}
	mux := runtime.NewServeMux(runtime.WithMetadata(token), runtime.WithForwardResponseOption(status))
	if err := protobuf.RegisterCAHandlerServer(ctx, mux, server.NewGRPCCAServer(ct, ca, algorithms, server.NewIssuerPool(cfg))); err != nil {
		return err
	}
	// Fulcio's handlers look for the configuration in the request's context.
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r.WithContext(config.With(r.Context(), cfg)))
	})
	s := &http.Server{Addr: o.address, Handler: server.WithMaxBytes(handler, 4<<20), ReadHeaderTimeout: 5 * time.Second}
	return s.ListenAndServe()
}

func token(_ context.Context, r *http.Request) metadata.MD {
	return metadata.Pairs(server.MetadataOIDCTokenKey, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
}

// status passes on the HTTP status that a handler asks for: 201 for a new certificate.
func status(ctx context.Context, w http.ResponseWriter, _ proto.Message) error {
	md, ok := runtime.ServerMetadataFromContext(ctx)
	if !ok {
		return nil
	}
	if codes := md.HeaderMD.Get(server.HTTPResponseCodeMetadataKey); len(codes) > 0 {
		code, err := strconv.Atoi(codes[0])
		if err != nil {
			return err
		}
		w.WriteHeader(code)
	}
	return nil
}
