// GeeRPC's XClient: calls to the servers of a registry, one of them or all.
package main

import (
	"errors"
	"fmt"
	"math/rand"
	"net/rpc"
	"strings"
	"sync"
	"sync/atomic"
)

type xclient struct {
	discovery *discovery
	mode      string // random, roundrobin
	options   options
	index     uint64
	mu        sync.Mutex
	clients   map[string]*rpc.Client
}

func (x *xclient) close() {
	for _, client := range x.clients {
		client.Close()
	}
}

func (x *xclient) pick() (string, error) {
	servers, err := x.discovery.all()
	if err != nil {
		return "", err
	}
	if len(servers) == 0 {
		return "", errors.New("rpc discovery: no available servers")
	}
	if x.mode == "roundrobin" {
		return servers[(atomic.AddUint64(&x.index, 1)-1)%uint64(len(servers))], nil
	}
	return servers[rand.Intn(len(servers))], nil
}

// client dials a server at its first call.
func (x *xclient) client(server string) (*rpc.Client, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if client := x.clients[server]; client != nil {
		return client, nil
	}
	o := x.options
	var found bool
	if o.network, o.place, found = strings.Cut(server, "@"); !found {
		return nil, fmt.Errorf("rpc client err: wrong format '%s', expect protocol@addr", server)
	}
	client, err := dial(&o)
	if err == nil {
		x.clients[server] = client
	}
	return client, err
}

func (x *xclient) callOne(server string, a, b int) error {
	client, err := x.client(server)
	if err != nil {
		return err
	}
	var reply int
	if err := client.Call("Arith.Multiply", &Args{a, b}, &reply); err != nil {
		return fmt.Errorf("%s: %w", server, err)
	}
	if reply != a*b {
		return fmt.Errorf("%s: %d*%d=%d", server, a, b, reply)
	}
	return nil
}

// broadcast calls every server at once.
func (x *xclient) broadcast(a, b int) (int, error) {
	servers, err := x.discovery.all()
	if err != nil {
		return 0, err
	}
	failures := make(chan error, len(servers))
	for _, server := range servers {
		go func(server string) { failures <- x.callOne(server, a, b) }(server)
	}
	for range servers {
		if failure := <-failures; failure != nil {
			err = failure
		}
	}
	return len(servers), err
}

// callMany makes o.calls calls, o.goroutines of them at once, then a broadcast.
func callMany(o *options) (string, error) {
	x := &xclient{
		discovery: &discovery{url: o.registry, refresh: o.refresh},
		mode:      o.mode,
		options:   *o,
		clients:   map[string]*rpc.Client{},
	}
	defer x.close()
	results := make(chan error, o.goroutines)
	for g := 0; g < o.goroutines; g++ {
		go func(g int) {
			for n := 0; n < o.calls; n++ {
				server, err := x.pick()
				if err == nil {
					err = x.callOne(server, g, n)
				}
				if err != nil {
					results <- err
					return
				}
			}
			results <- nil
		}(g)
	}
	for g := 0; g < o.goroutines; g++ {
		if err := <-results; err != nil {
			return "", err
		}
	}
	called := len(x.clients)
	all, err := x.broadcast(6, 7)
	return fmt.Sprintf("%d calls to %d servers, a broadcast to %d", o.goroutines*o.calls, called, all), err
}
