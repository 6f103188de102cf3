// Command ctlog is a certificate transparency log (RFC 6962 submission, tiled
// storage in a folder) that accepts the certificates of one authority.
package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/transparency-dev/tessera"
	tposix "github.com/transparency-dev/tessera/storage/posix"
	"github.com/transparency-dev/tesseract"
	"github.com/transparency-dev/tesseract/storage"
	"github.com/transparency-dev/tesseract/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	address := flag.String("address", "127.0.0.1:6962", "host:port to serve on")
	origin := flag.String("origin", "ctlog.local", "the log's name in its checkpoints, a host with an optional path")
	roots := flag.String("roots", "", "PEM file of the accepted root certificates")
	key := flag.String("key", "", "PEM file of the log's private key, SEC 1 elliptic curve")
	dir := flag.String("dir", "", "folder that holds the log")
	flag.Parse()
	if err := run(context.Background(), *address, *origin, *roots, *key, *dir); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, address, origin, roots, keyFile, dir string) error {
	text, err := os.ReadFile(keyFile)
	if err != nil {
		return err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return fmt.Errorf("%q is not PEM", keyFile)
	}
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		return fmt.Errorf("parse %q: %w", keyFile, err)
	}
	open := func(ctx context.Context, signer note.Signer) (*storage.CTStorage, error) {
		driver, err := tposix.New(ctx, tposix.Config{Path: dir})
		if err != nil {
			return nil, err
		}
		// The defaults batch for a second or more; a signer waits for this log.
		appender, _, reader, err := tessera.NewAppender(ctx, driver, tessera.NewAppendOptions().
			WithCheckpointSigner(signer).
			WithCTLayout().
			WithBatching(64, 5*time.Millisecond).
			WithCheckpointInterval(time.Second))
		if err != nil {
			return nil, err
		}
		issuers, err := posix.NewIssuerStorage(ctx, dir)
		if err != nil {
			return nil, err
		}
		return storage.NewCTStorage(ctx, &storage.CTStorageOptions{Appender: appender, Reader: reader, IssuerStorage: issuers})
	}
	handler, err := tesseract.NewLogHandler(ctx, origin, key, tesseract.ChainValidationConfig{
		RootsPEMFile: roots,
		ExtKeyUsages: "CodeSigning",
	}, open, 10*time.Second, false, "", tesseract.LogHandlerOpts{DedupRL: -1, MaxCertChainBytes: 512 << 10})
	if err != nil {
		return err
	}
	server := &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	return server.ListenAndServe()
}
