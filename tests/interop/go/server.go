// Servers as a Go program has them.
package main

import (
	"io"
	"net"
	"net/http"
	"net/rpc"
	"net/rpc/jsonrpc"
)

// acceptGee is GeeRPC's ServeHTTP: the answer ends with bare line feeds, and bytes behind the request are lost.
func acceptGee(server *rpc.Server, careless bool, w http.ResponseWriter, request *http.Request) {
	if request.Method != "CONNECT" {
		w.WriteHeader(http.StatusMethodNotAllowed)
		io.WriteString(w, "405 must CONNECT\n")
		return
	}
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	io.WriteString(conn, "HTTP/1.0 200 Connected to Gee RPC\n\n")
	serveGee(server, conn, careless)
}

func serve(o *options) (string, error) {
	server := rpc.NewServer()
	services := map[string]any{"Arith": new(Arith), "Foo": new(Foo), "Kinds": new(Kinds), "Users": new(Users)}
	if o.service != "" {
		services[o.service], services["Admin"] = new(Work), new(Admin)
	}
	for name, service := range services {
		if err := server.RegisterName(name, service); err != nil {
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
		mux.HandleFunc("/_geeprc_", func(w http.ResponseWriter, request *http.Request) { acceptGee(server, o.careless, w, request) })
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
				go serveGee(server, conn, o.careless)
			}
		}
	}()
	return listener.Addr().String(), nil
}
