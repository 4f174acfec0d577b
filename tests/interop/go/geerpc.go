// GeeRPC's protocol: an Option by encoding/json, then Header and body, each a value by encoding/gob or encoding/json,
// in both roles, below net/rpc's own client and server.
package main

import (
	"bufio"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/rpc"
	"sync"
	"time"
)

const magicNumber = 0x3bef5c

// Option opens a connection.
type Option struct {
	MagicNumber    int
	CodecType      string
	ConnectTimeout time.Duration
	HandleTimeout  time.Duration
}

// Header stands before each body.
type Header struct {
	ServiceMethod string
	Seq           uint64
	Error         string
}

type encoder interface{ Encode(any) error }
type decoder interface{ Decode(any) error }

// codec is GeeRPC's GobCodec or JsonCodec, which writes through a buffer that is flushed with each message.
type codec struct {
	conn io.ReadWriteCloser
	buf  *bufio.Writer
	dec  decoder
	enc  encoder
	mu   sync.Mutex
	last Header
}

func newCodec(conn io.ReadWriteCloser, contentType string) (*codec, error) {
	c := &codec{conn: conn, buf: bufio.NewWriter(conn)}
	switch contentType {
	case "application/gob":
		c.dec, c.enc = gob.NewDecoder(conn), gob.NewEncoder(c.buf)
	case "application/json":
		c.dec, c.enc = json.NewDecoder(conn), json.NewEncoder(c.buf)
	default:
		return nil, fmt.Errorf("invalid codec type %s", contentType)
	}
	return c, nil
}

func (c *codec) write(h *Header, body any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.enc.Encode(h); err != nil {
		return err
	}
	if err := c.enc.Encode(body); err != nil {
		return err
	}
	return c.buf.Flush()
}

func (c *codec) readHeader() error {
	c.last = Header{}
	return c.dec.Decode(&c.last)
}

// readBody with nil drops the body, as encoding/gob does by itself.
func (c *codec) readBody(body any) error {
	if _, isGob := c.dec.(*gob.Decoder); body == nil && !isGob {
		var dropped json.RawMessage
		body = &dropped
	}
	return c.dec.Decode(body)
}

func (c *codec) Close() error { return c.conn.Close() }

// clientCodec counts from 1, as GeeRPC's clients do.
type clientCodec struct{ *codec }

func (c clientCodec) WriteRequest(r *rpc.Request, body any) error {
	return c.write(&Header{ServiceMethod: r.ServiceMethod, Seq: r.Seq + 1}, body)
}

func (c clientCodec) ReadResponseHeader(r *rpc.Response) error {
	err := c.readHeader()
	r.ServiceMethod, r.Seq, r.Error = c.last.ServiceMethod, c.last.Seq-1, c.last.Error
	return err
}

func (c clientCodec) ReadResponseBody(body any) error { return c.readBody(body) }

func dialGee(conn net.Conn, o *options) (*rpc.Client, error) {
	contentType := "application/" + o.codec
	option := Option{magicNumber, contentType, 10 * time.Second, o.handleTimeout}
	if err := json.NewEncoder(conn).Encode(&option); err != nil {
		return nil, err
	}
	c, err := newCodec(conn, contentType)
	if err != nil {
		return nil, err
	}
	return rpc.NewClientWithCodec(clientCodec{c}), nil
}

type serverCodec struct{ *codec }

func (c serverCodec) ReadRequestHeader(r *rpc.Request) error {
	err := c.readHeader()
	r.ServiceMethod, r.Seq = c.last.ServiceMethod, c.last.Seq
	return err
}

func (c serverCodec) ReadRequestBody(body any) error { return c.readBody(body) }

func (c serverCodec) WriteResponse(r *rpc.Response, body any) error {
	return c.write(&Header{r.ServiceMethod, r.Seq, r.Error}, body)
}

// serveGee reads the Option as GeeRPC's server does: bytes that encoding/json has read ahead are lost.
func serveGee(server *rpc.Server, conn net.Conn, isCareless bool) {
	var option Option
	if err := json.NewDecoder(conn).Decode(&option); err != nil || option.MagicNumber != magicNumber {
		conn.Close()
		return
	}
	c, err := newCodec(conn, option.CodecType)
	switch {
	case err != nil:
		conn.Close()
	case isCareless:
		server.ServeCodec(careless{serverCodec{c}})
	default:
		server.ServeCodec(serverCodec{c})
	}
}
