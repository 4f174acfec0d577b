// Servers as a Go program makes them.
package main

import (
	"net"
	"net/http"
	"net/rpc"
	"net/rpc/jsonrpc"
)

func serve(o *options) (string, error) {
	server := rpc.NewServer()
	for _, service := range []any{new(Arith), new(Foo), new(Kinds)} {
		if err := server.Register(service); err != nil {
			return "", err
		}
	}
	network := o.network
	if network == "http" {
		network = "tcp"
	}
	listener, err := net.Listen(network, o.place)
	if err != nil {
		return "", err
	}
	if o.network == "http" {
		mux := http.NewServeMux()
		mux.Handle(rpc.DefaultRPCPath, server)
		go http.Serve(listener, mux)
		return listener.Addr().String(), nil
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			switch o.protocol {
			case "netrpc":
				go server.ServeConn(conn)
			case "jsonrpc":
				go server.ServeCodec(jsonrpc.NewServerCodec(conn))
			case "geerpc":
				go serveGee(server, conn)
			}
		}
	}()
	return listener.Addr().String(), nil
}
