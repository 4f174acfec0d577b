// GeeRPC's registry, written from its HTTP headers, and its two kinds of clients: a server that announces itself, and a
// discovery that asks for the list.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"sort"
	"strings"
	"sync"
	"time"
)

const (
	registryPath    = "/_geerpc_/registry"
	registryTimeout = 5 * time.Minute
	refreshInterval = 10 * time.Second
	headerServer    = "X-Geerpc-Server"
	headerServers   = "X-Geerpc-Servers"
)

// registry knows which servers have announced themselves, and when.
type registry struct {
	timeout time.Duration // after which a silent server is forgotten; 0: never
	mu      sync.Mutex
	started map[string]time.Time
}

func (r *registry) put(server string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.started[server] = time.Now()
}

func (r *registry) alive() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var alive []string
	for server, started := range r.started {
		if r.timeout == 0 || started.Add(r.timeout).After(time.Now()) {
			alive = append(alive, server)
		} else {
			delete(r.started, server)
		}
	}
	sort.Strings(alive)
	return alive
}

func (r *registry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	switch request.Method {
	case "GET":
		w.Header().Set(headerServers, strings.Join(r.alive(), ","))
	case "POST":
		server := request.Header.Get(headerServer)
		if server == "" {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		r.put(server)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

// serveRegistry returns the URL.
func serveRegistry(o *options) (string, error) {
	listener, err := net.Listen("tcp", o.place)
	if err != nil {
		return "", err
	}
	mux := http.NewServeMux()
	mux.Handle(registryPath, &registry{timeout: o.timeout, started: map[string]time.Time{}})
	go http.Serve(listener, mux)
	return "http://" + listener.Addr().String() + registryPath, nil
}

// heartbeat posts at once and then every period; like GeeRPC's, it gives up for ever when a post fails. A period of 0
// is a minute less than the registry's timeout.
func heartbeat(url, server string, period time.Duration) error {
	if period == 0 {
		period = registryTimeout - time.Minute
	}
	err := sendHeartbeat(url, server)
	if err != nil {
		return err
	}
	go func() {
		for range time.Tick(period) {
			if err := sendHeartbeat(url, server); err != nil {
				log.Println("rpc server: heart beat err:", err)
				return
			}
		}
	}()
	return nil
}

func sendHeartbeat(url, server string) error {
	request, err := http.NewRequest("POST", url, nil)
	if err != nil {
		return err
	}
	request.Header.Set(headerServer, server)
	response, err := new(http.Client).Do(request)
	if err != nil {
		return err
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK { // GeeRPC's does not look at the status
		return fmt.Errorf("POST of %s: %s", server, response.Status)
	}
	return nil
}

// discovery keeps the list, and asks for it when it is older than the refresh interval.
type discovery struct {
	url     string
	refresh time.Duration
	mu      sync.Mutex
	servers []string
	updated time.Time
}

func (d *discovery) all() ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.updated.Add(d.refresh).After(time.Now()) {
		return d.servers, nil
	}
	response, err := http.Get(d.url)
	if err != nil {
		return nil, err
	}
	response.Body.Close()
	d.servers = nil
	for _, server := range strings.Split(response.Header.Get(headerServers), ",") {
		if server = strings.TrimSpace(server); server != "" {
			d.servers = append(d.servers, server)
		}
	}
	d.updated = time.Now()
	return d.servers, nil
}
