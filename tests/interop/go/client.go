// Clients as a Go program has them.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/rpc"
	"net/rpc/jsonrpc"
	"strings"
)

// connectGee is GeeRPC's CONNECT: bare line feeds, and a reader of its own for the answer.
func connectGee(conn net.Conn) error {
	io.WriteString(conn, "CONNECT /_geeprc_ HTTP/1.0\n\n")
	answer, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: "CONNECT"})
	if err == nil && answer.Status != "200 Connected to Gee RPC" {
		err = fmt.Errorf("unexpected HTTP response: %s", answer.Status)
	}
	return err
}

func dial(o *options) (*rpc.Client, error) {
	if o.network == "http" && o.protocol == "netrpc" {
		if slash := strings.IndexByte(o.place, '/'); slash >= 0 {
			return rpc.DialHTTPPath("tcp", o.place[:slash], o.place[slash:])
		}
		return rpc.DialHTTP("tcp", o.place)
	}
	network := o.network
	if network == "http" {
		network = "tcp"
	}
	switch o.protocol {
	case "netrpc":
		return rpc.Dial(network, o.place)
	case "jsonrpc":
		return jsonrpc.Dial(network, o.place)
	case "geerpc":
		conn, err := net.Dial(network, o.place)
		if err != nil {
			return nil, err
		}
		if o.network == "http" {
			if err := connectGee(conn); err != nil {
				return nil, err
			}
		}
		return dialGee(conn, o)
	}
	return nil, fmt.Errorf("no protocol %s", o.protocol)
}
