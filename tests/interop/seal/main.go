// seal: geerpc's sealed channel as a Go program makes it, over flynn/noise (Debian: golang-github-flynn-noise-dev).
//
//	seal call -server KEY [-key FILE] ADDRESS COUNT    net/rpc through a seal: COUNT calls, one after another
//	seal echo -key FILE [-client KEY]                  prints where it listens; sends back what one client says
//
// Both print how many records went each way.
package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"net/rpc"
	"os"
	"strconv"

	"github.com/flynn/noise"
)

type Args struct{ A, B int }

func fail(format string, values ...interface{}) {
	fmt.Fprintf(os.Stderr, "seal: "+format+"\n", values...)
	os.Exit(1)
}

func check(err error) {
	if err != nil {
		fail("%v", err)
	}
}

// call makes calls that are records of their own, and one that spans several.
func call(channel *Channel, count int) {
	client := rpc.NewClient(channel)
	for i := 0; i < count; i++ {
		var product int
		check(client.Call("Arith.Multiply", &Args{i, 3}, &product))
		if product != 3*i {
			fail("%d * 3 is said to be %d", i, product)
		}
	}
	err := client.Call("Arith.Nothing", map[string]string{"Padding": string(make([]byte, 200000))}, nil)
	if err == nil || channel.sent < uint64(count)+4 {
		fail("a large call: %v, %d records", err, channel.sent)
	}
	check(client.Close())
	fmt.Printf("%d calls, %d records sent, %d received\n", count, channel.sent, channel.received)
}

func echo(channel *Channel) {
	total, err := io.Copy(channel, channel)
	check(err)
	check(channel.Close())
	fmt.Printf("%d bytes, %d records received, %d sent\n", total, channel.received, channel.sent)
}

func main() {
	flags := flag.NewFlagSet("seal", flag.ExitOnError)
	server := flags.String("server", "", "the server's public key")
	client := flags.String("client", "", "the client's public key")
	file := flags.String("key", "", "the file with our secret key")
	if len(os.Args) < 2 {
		fail("call or echo?")
	}
	flags.Parse(os.Args[2:])
	var own *noise.DHKey
	if *file != "" {
		own = readKey(*file)
	}
	switch os.Args[1] {
	case "call":
		count, err := strconv.Atoi(flags.Arg(1))
		check(err)
		conn, err := net.Dial("tcp", flags.Arg(0))
		check(err)
		channel, err := dial(conn, parseKey(*server, "gee-pub:"), own)
		check(err)
		call(channel, count)
	case "echo":
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		check(err)
		fmt.Println(listener.Addr())
		conn, err := listener.Accept()
		check(err)
		var wanted []byte
		if *client != "" {
			wanted = parseKey(*client, "gee-pub:")
		}
		channel, err := accept(conn, own, wanted)
		check(err)
		echo(channel)
	}
}
