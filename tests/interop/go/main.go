// Command interop is the other side of the interop tests: Go's own net/rpc and net/rpc/jsonrpc, and GeeRPC's protocol on
// encoding/gob and encoding/json, as clients of geerpc and as servers for it.
//
//	interop client -protocol netrpc -address tcp@127.0.0.1:9999 SCENARIO
//	interop server -protocol netrpc -address tcp@127.0.0.1:0
//
// A client prints what it did on one line, and ends with status 1 and a reason when something was not as it must be. A
// server prints "ready ADDRESS" and serves until its standard input ends.
package main

import (
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
}

func (o *options) read(words []string) []string {
	flags := flag.NewFlagSet(words[0], flag.ExitOnError)
	address := flags.String("address", "", "tcp@HOST:PORT, unix@PATH or http@HOST:PORT")
	flags.StringVar(&o.protocol, "protocol", "netrpc", "netrpc, jsonrpc or geerpc")
	flags.StringVar(&o.codec, "codec", "gob", "of geerpc: gob or json")
	flags.DurationVar(&o.handleTimeout, "handle-timeout", 0, "of geerpc's Option")
	flags.IntVar(&o.goroutines, "goroutines", 8, "at once")
	flags.IntVar(&o.calls, "calls", 2000, "of each")
	flags.Parse(words[1:])
	var found bool
	o.network, o.place, found = strings.Cut(*address, "@")
	if !found {
		fail(fmt.Errorf("-address %q: not SCHEME@PLACE", *address))
	}
	return flags.Args()
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "interop:", err)
	os.Exit(1)
}

func main() {
	var o options
	if len(os.Args) < 2 {
		fail(fmt.Errorf("client or server?"))
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
		fmt.Printf("ready %s@%s\n", o.network, place)
		io.Copy(io.Discard, os.Stdin)
	default:
		fail(fmt.Errorf("client or server?"))
	}
}
