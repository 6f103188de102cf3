// Command hello is a small web service: the image that the examples release.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/rs/zerolog"
)

// version is set by the linker: see the Dockerfile.
var version = "dev"

// grace is how long requests may take that are being answered at the end.
const grace = 5 * time.Second

func main() {
	check := flag.Bool("check", false, "say who this is, and exit")
	listen := flag.String("listen", ":8080", "address to serve on")
	flag.Parse()
	if *check {
		fmt.Println(greeting("build"))
		return
	}
	log := zerolog.New(os.Stderr).With().Timestamp().Logger()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	server := &http.Server{Addr: *listen, Handler: routes(), ReadHeaderTimeout: 5 * time.Second}
	done := make(chan error, 1)
	go func() {
		<-ctx.Done()
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		done <- server.Shutdown(bounded)
	}()
	log.Info().Str("listen", *listen).Str("version", version).Msg("serving")
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal().Err(err).Msg("serve")
	}
	if err := <-done; err != nil {
		log.Error().Err(err).Msg("shut down")
	}
}

func routes() http.Handler {
	r := chi.NewRouter()
	r.Use(middleware.Recoverer)
	r.Get("/{name}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, greeting(chi.URLParam(r, "name")))
	})
	return r
}

func greeting(name string) string {
	return fmt.Sprintf("hello %s, from %s on %s/%s", name, version, runtime.GOOS, runtime.GOARCH)
}
