// Command interop is the other side of the interop tests: Go's own net/rpc and net/rpc/jsonrpc, and GeeRPC's protocol
// on encoding/gob and encoding/json, as clients of geerpc and as servers for it.
//
//	interop client -protocol netrpc -address tcp@127.0.0.1:9999 SCENARIO
//	interop server -protocol netrpc -address tcp@127.0.0.1:0 [-registry URL]
//	interop registry -address tcp@127.0.0.1:0 [-timeout 5m]
//	interop xclient -protocol geerpc -registry URL [-mode roundrobin]
//	interop soak -protocol netrpc -address tcp@127.0.0.1:9999 [-connections 4] [-depth 8] [-fresh]
//	interop work -protocol netrpc -address tcp@127.0.0.1:0 -service Net
//	interop neighbours -address tcp@127.0.0.1:9999 [-seed 7] [-requests 100000]
//
// A client prints a summary on one line, and ends with status 1 and a reason after a failure. A server prints
// "ready ADDRESS" (a registry: its URL) and serves until its standard input ends. An xclient calls the servers of a
// registry. A soak goes on until it is stopped (soak.go). Neighbours are callers of one gateway, honest callers and a
// hostile one (neighbours.go), and work is the servers behind (work.go).
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

type options struct {
	protocol      string // netrpc, jsonrpc, geerpc
	codec         string // of geerpc: gob, json
	network       string // tcp, unix, http
	place         string
	handleTimeout time.Duration
	goroutines    int
	calls         int
	registry      string        // URL: of a server, where it announces itself; of an xclient, where it finds servers
	heartbeat     time.Duration // of a server
	timeout       time.Duration // of a registry
	refresh       time.Duration // of an xclient
	mode          string        // of an xclient
	connections   int           // of a soak
	depth         int           // of a soak: calls in flight on each connection
	fresh         bool          // of a soak: a connection for each call
	pause         time.Duration // of a soak: between two dials
	rate          float64       // of a soak: calls a second on each connection; 0: as many as possible
	plain         bool          // of a soak: only calls that may be repeated
	service       string        // of a work: the name of Work
	careless      bool          // of a work: bodies of unknown methods stay unread, as in GeeRPC
	hostile       hostile       // of neighbours
}

func (o *options) read(words []string) []string {
	flags := flag.NewFlagSet(words[0], flag.ExitOnError)
	address := flags.String("address", "", "tcp@HOST:PORT, unix@PATH or http@HOST:PORT")
	flags.StringVar(&o.protocol, "protocol", "netrpc", "netrpc, jsonrpc or geerpc")
	flags.StringVar(&o.codec, "codec", "gob", "of geerpc: gob or json")
	flags.DurationVar(&o.handleTimeout, "handle-timeout", 0, "of geerpc's Option")
	flags.IntVar(&o.goroutines, "goroutines", 8, "at once")
	flags.IntVar(&o.calls, "calls", 2000, "of each")
	flags.StringVar(&o.registry, "registry", "", "http://HOST:PORT/_geerpc_/registry")
	flags.DurationVar(&o.heartbeat, "heartbeat", 0, "between two announcements; 0: a minute less than 5m")
	flags.DurationVar(&o.timeout, "timeout", registryTimeout, "after which a registry forgets a server; 0: never")
	flags.DurationVar(&o.refresh, "refresh", refreshInterval, "between two looks into the registry")
	flags.StringVar(&o.mode, "mode", "random", "random or roundrobin")
	flags.IntVar(&o.connections, "connections", 4, "at once")
	flags.IntVar(&o.depth, "depth", 1, "calls in flight on each connection")
	flags.BoolVar(&o.fresh, "fresh", false, "a connection for each call")
	flags.DurationVar(&o.pause, "pause", 2*time.Millisecond, "between two dials")
	flags.Float64Var(&o.rate, "rate", 0, "calls a second on each connection; 0: as many as there can be")
	flags.BoolVar(&o.plain, "plain", false, "only calls that may be repeated")
	flags.StringVar(&o.service, "service", "", "name under which a work is served")
	flags.BoolVar(&o.careless, "careless", false, "leave the body of an unknown method unread, as GeeRPC does")
	o.hostile.read(flags)
	flags.Parse(words[1:])
	if words[0] == "xclient" {
		return flags.Args()
	}
	var found bool
	o.network, o.place, found = strings.Cut(*address, "@")
	if !found {
		fail(fmt.Errorf("-address %q: not SCHEME@PLACE", *address))
	}
	return flags.Args()
}

const usage = "client, server, registry, xclient, soak, work or neighbours?"

// ready prints the place, and serves until the other end of standard input is closed.
func ready(place string) {
	fmt.Println("ready", place)
	io.Copy(io.Discard, os.Stdin)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "interop:", err)
	os.Exit(1)
}

func main() {
	var o options
	if len(os.Args) < 2 {
		fail(errors.New(usage))
	}
	rest := o.read(os.Args[1:])
	switch os.Args[1] {
	case "client":
		if len(rest) != 1 || scenarios[rest[0]] == nil {
			fail(fmt.Errorf("no such scenario: %q", rest))
		}
		said, err := scenarios[rest[0]](&o)
		if err != nil {
			fail(fmt.Errorf("%s: %w", rest[0], err))
		}
		fmt.Println(said)
	case "server":
		place, err := serve(&o)
		if err != nil {
			fail(err)
		}
		address := o.network + "@" + place
		if o.registry != "" {
			if err := heartbeat(o.registry, address, o.heartbeat); err != nil {
				fail(err)
			}
		}
		ready(address)
	case "registry":
		url, err := serveRegistry(&o)
		if err != nil {
			fail(err)
		}
		ready(url)
	case "xclient":
		said, err := callMany(&o)
		if err != nil {
			fail(err)
		}
		fmt.Println(said)
	case "soak":
		goOn(&o)
	case "work":
		if err := work(&o); err != nil {
			fail(err)
		}
	case "neighbours":
		if err := neighbours(&o); err != nil {
			fail(err)
		}
	default:
		fail(errors.New(usage))
	}
}
