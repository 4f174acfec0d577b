// Client codecs for two wires of geerpc's that Go's library does not have: bin, and JSON-RPC 2.0.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/rpc"
	"strings"
)

// ---- protobuf ----

func protoKey(tag, wire int) []byte { return binary.AppendUvarint(nil, uint64(tag<<3|wire)) }

func protoNumber(tag int, number uint64) []byte {
	return binary.AppendUvarint(protoKey(tag, 0), number)
}

func protoBytes(tag int, bytes string) []byte {
	return append(binary.AppendUvarint(protoKey(tag, 2), uint64(len(bytes))), bytes...)
}

var errProto = errors.New("not what protobuf may have here")

// protoFields returns the fields of a message of numbers and bytes.
func protoFields(data []byte) (numbers map[int]uint64, texts map[int]string, err error) {
	numbers, texts = map[int]uint64{}, map[int]string{}
	for len(data) > 0 {
		key, n := binary.Uvarint(data)
		if n <= 0 || key&7 != 0 && key&7 != 2 {
			return nil, nil, errProto
		}
		number, m := binary.Uvarint(data[n:])
		if m <= 0 {
			return nil, nil, errProto
		}
		data = data[n+m:]
		if key&7 == 0 {
			numbers[int(key>>3)] = number
			continue
		}
		if number > uint64(len(data)) {
			return nil, nil, errProto
		}
		texts[int(key>>3)], data = string(data[:number]), data[number:]
	}
	return numbers, texts, nil
}

// ---- bin ----

const (
	bodyBin  = 0
	bodyJSON = 1
)

// binCodec sends types without tags as JSON in bin's frames.
type binCodec struct {
	net.Conn
	in    *bufio.Reader
	codec byte // of the reply that is read
	body  []byte
}

func dialBin(conn net.Conn) (*rpc.Client, error) {
	err := json.NewEncoder(conn).Encode(&Option{MagicNumber: magicNumber, CodecType: "application/bin"})
	if err != nil {
		return nil, err
	}
	return rpc.NewClientWithCodec(&binCodec{Conn: conn, in: bufio.NewReader(conn)}), nil
}

func binFrame(codec byte, header, body []byte) []byte {
	frame := []byte{codec, 0}
	frame = binary.BigEndian.AppendUint32(frame, uint32(len(header)))
	frame = binary.BigEndian.AppendUint32(frame, uint32(len(body)))
	return append(append(frame, header...), body...)
}

func binTask(task *Task) []byte {
	data := append(protoNumber(1, uint64(task.Token)), protoBytes(2, task.Text)...)
	return append(data, protoNumber(3, uint64(task.Number))...)
}

func (c *binCodec) WriteRequest(r *rpc.Request, body any) error {
	codec, data := byte(bodyBin), []byte(nil)
	switch args := body.(type) {
	case Args:
		data = append(protoNumber(1, uint64(args.A)), protoNumber(2, uint64(args.B))...)
	case FooArgs:
		data = append(protoNumber(1, uint64(args.Num1)), protoNumber(2, uint64(args.Num2))...)
	case *Task:
		if strings.HasPrefix(r.ServiceMethod, "Bin.") {
			data = binTask(args)
			break
		}
		var err error
		if codec, data, err = marshalled(args); err != nil {
			return err
		}
	}
	_, err := c.Write(binFrame(codec, append(protoBytes(1, r.ServiceMethod), protoNumber(2, r.Seq)...), data))
	return err
}

func marshalled(value any) (byte, []byte, error) {
	data, err := json.Marshal(value)
	return bodyJSON, data, err
}

func (c *binCodec) ReadResponseHeader(r *rpc.Response) error {
	var prefix [10]byte
	if _, err := io.ReadFull(c.in, prefix[:]); err != nil {
		return err
	}
	length := binary.BigEndian.Uint32(prefix[2:])
	frame := make([]byte, length+binary.BigEndian.Uint32(prefix[6:]))
	if _, err := io.ReadFull(c.in, frame); err != nil {
		return err
	}
	numbers, texts, err := protoFields(frame[:length])
	if err == nil && numbers[4] != 0 {
		err = fmt.Errorf("a frame of kind %d in the place of a reply", numbers[4])
	}
	c.codec, c.body = prefix[0], frame[length:]
	r.ServiceMethod, r.Seq, r.Error = texts[1], numbers[2], texts[3]
	return err
}

func (c *binCodec) ReadResponseBody(reply any) error {
	if reply == nil {
		return nil
	}
	if c.codec == bodyJSON {
		return json.Unmarshal(c.body, reply)
	}
	numbers, texts, err := protoFields(c.body)
	switch reply := reply.(type) {
	case *int:
		*reply = int(numbers[1])
	case *Task:
		*reply = Task{int(numbers[1]), texts[2], int(numbers[3])}
	}
	return err
}

// ---- JSON-RPC 2.0 ----

type rpc2Codec struct {
	net.Conn
	in    *json.Decoder
	reply struct {
		ID     *uint64
		Result json.RawMessage
		Error  *struct{ Message string }
	}
}

func dialRPC2(conn net.Conn) (*rpc.Client, error) {
	return rpc.NewClientWithCodec(&rpc2Codec{Conn: conn, in: json.NewDecoder(conn)}), nil
}

func (c *rpc2Codec) WriteRequest(r *rpc.Request, body any) error {
	return json.NewEncoder(c).Encode(map[string]any{
		"jsonrpc": "2.0", "method": r.ServiceMethod, "params": [1]any{body}, "id": r.Seq,
	})
}

func (c *rpc2Codec) ReadResponseHeader(r *rpc.Response) error {
	c.reply.ID, c.reply.Result, c.reply.Error = nil, nil, nil
	if err := c.in.Decode(&c.reply); err != nil {
		return err
	}
	if c.reply.ID == nil {
		return errors.New("a reply without an id")
	}
	r.Seq = *c.reply.ID
	if c.reply.Error != nil {
		r.Error = c.reply.Error.Message
	}
	return nil
}

func (c *rpc2Codec) ReadResponseBody(reply any) error {
	if reply == nil {
		return nil
	}
	return json.Unmarshal(c.reply.Result, reply)
}
