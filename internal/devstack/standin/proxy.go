package standin

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/org/release-actions/internal/devstack/standin/fault"
)

// proxy is the way to the stand-ins: it answers CONNECT for their names on
// port 443 by handing the connection to their server, and refuses the rest.
type proxy struct {
	names   []string
	tunnels *tunnels
	faults  *fault.Controller
}

func newProxy(names []string, t *tunnels, faults *fault.Controller) *proxy {
	return &proxy{names, t, faults}
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		host, port = r.Host, "80"
	}
	if r.Method != http.MethodConnect || port != "443" || !slices.Contains(p.names, strings.ToLower(host)) {
		p.faults.Record(fault.Request{
			Time: time.Now(), Host: host, Method: r.Method, Path: r.URL.Path, Status: http.StatusForbidden,
		})
		http.Error(w, fmt.Sprintf("the local world has no %q: nothing leaves this machine", r.Host), http.StatusForbidden)
		return
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if _, err := conn.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n")); err != nil {
		_ = conn.Close() // the client is gone
		return
	}
	p.tunnels.hand(&tunnel{conn, buffered.Reader})
}

// tunnel is a connection whose client may have sent its first bytes along
// with the CONNECT request.
type tunnel struct {
	net.Conn
	buffered *bufio.Reader
}

func (t *tunnel) Read(p []byte) (int, error) { return t.buffered.Read(p) }

// tunnels is a listener whose connections come from the proxy, so that the
// stand-ins need no port of their own.
type tunnels struct {
	conns chan net.Conn
	done  chan struct{}
	close sync.Once
}

func newTunnels() *tunnels {
	return &tunnels{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (t *tunnels) hand(conn net.Conn) {
	select {
	case t.conns <- conn:
	case <-t.done:
		_ = conn.Close() // the servers are ending
	}
}

// Accept returns the next connection that the proxy has let through.
func (t *tunnels) Accept() (net.Conn, error) {
	select {
	case conn := <-t.conns:
		return conn, nil
	case <-t.done:
		return nil, net.ErrClosed
	}
}

// Close makes Accept return.
func (t *tunnels) Close() error {
	t.close.Do(func() { close(t.done) })
	return nil
}

// Addr returns a placeholder: tunnels have no address.
func (t *tunnels) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
