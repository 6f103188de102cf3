// Command devstack starts and stops the local world.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/org/release-actions/internal/devstack"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := devstack.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
