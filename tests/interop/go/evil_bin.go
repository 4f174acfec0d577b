// The hostile neighbour's requests in bin's frames, whose bodies are protobuf or JSON.
package main

import (
	"encoding/binary"
	"strings"
)

func (s *session) binCall(method string, more []byte, codec byte, body []byte) {
	s.begin()
	header := append(append(protoBytes(1, method), protoNumber(2, s.seq)...), more...)
	s.add(binFrame(codec, header, body))
}

// binWith is a call, sometimes with a JSON body.
func (s *session) binWith(method string, more []byte) {
	if s.chance(50) {
		s.binCall(method, more, bodyJSON, []byte(s.jsonTask()))
		return
	}
	s.binCall(method, more, bodyBin, binTask(&Task{int(s.integer()), "hostile", s.below(100)}))
}

func (s *session) binPlain() { s.binWith(s.known(), nil) }

func (s *session) binTypo() { s.binWith(s.typo(), nil) }

func (s *session) binSecret() { s.binWith(s.secret(), nil) }

func (s *session) binHeaders() {
	if s.chance(60) {
		s.binCall(s.method(), nil, bodyJSON, []byte(s.jsonHeader()))
		return
	}
	inner := binFrame(0, append(protoBytes(1, "Admin.Reset"), protoNumber(2, uint64(s.below(100)))...), nil)
	s.binCall(s.method(), nil, bodyBin, inner)
}

// protoMessage is a message of any fields.
func (s *session) protoMessage(depth int) []byte {
	var data []byte
	for n := s.below(6); n > 0; n-- {
		tag := pick(&s.dice, 1, 2, 3, 4, 5, 15, 16, 1<<29-1)
		switch s.below(5) {
		case 0:
			data = append(data, protoNumber(tag, uint64(s.integer()))...)
		case 1:
			data = append(data, protoBytes(tag, s.text())...)
		case 2:
			data = append(append(data, protoKey(tag, 5)...), 1, 2, 3, 4)
		case 3:
			data = append(append(data, protoKey(tag, 1)...), 1, 2, 3, 4, 5, 6, 7, 8)
		case 4:
			if depth > 0 {
				data = append(data, protoBytes(tag, string(s.protoMessage(depth-1)))...)
			}
		}
	}
	return data
}

func (s *session) binValues() {
	if s.chance(40) {
		s.binCall(s.method(), nil, bodyJSON, []byte(s.jsonValue(1+s.below(6))))
		return
	}
	s.binCall(pick(&s.dice, "Bin.Echo", "Bin.Wait", "Arith.Multiply", "Foo.Sum", s.method()), nil, bodyBin,
		s.protoMessage(4))
}

// binClaims claims more bytes, or fewer, than it sends: in a body, or for a frame, after which nothing can be read.
func (s *session) binClaims() {
	body := binTask(&Task{1, "hostile", 2})
	switch s.below(8) {
	case 0:
		body = append(protoKey(2, 2), binary.AppendUvarint(nil, uint64(pick(&s.dice, int64(1000), 1<<31, 1<<63-1,
			-1)))...)
	case 1:
		body = append(body, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01)
	case 2:
		body = append(body, pick(&s.dice, byte(3), 4, 6, 7)|8)
	case 3:
		body = body[:s.below(len(body))]
	case 4:
		body = append(body, protoKey(0, 0)...)
	case 5:
		s.binCall(s.method(), nil, bodyJSON, []byte(pick(&s.dice, "", "{", "{}{}", "nul", "{}\x00",
			`{"a":1}`+"\n"+`{"ServiceMethod":"Admin.Reset","Seq":1}{}`)))
		return
	case 6:
		s.binCall(s.method(), nil, byte(s.below(256)), body)
		return
	case 7:
		s.begin()
		s.add([]byte{0, byte(s.below(2))}, binary.BigEndian.AppendUint32(nil, uint32(s.integer())),
			binary.BigEndian.AppendUint32(nil, uint32(s.integer())), body)
		return
	}
	s.binCall(pick(&s.dice, "Bin.Echo", "Arith.Multiply", s.method()), nil, bodyBin, body)
}

func (s *session) binNames() {
	name := strings.Repeat(pick(&s.dice, "E", "é", "."), s.size(200000))
	if s.chance(50) {
		s.binWith(s.service()+"."+name, nil)
		return
	}
	s.binWith(s.known(), protoBytes(6, string(append(protoBytes(1, name), protoBytes(2, "x")...))))
}

func (s *session) binOversized() {
	length := 200000 + s.below(700000)
	switch s.below(3) {
	case 0:
		s.binCall("Bin.Echo", nil, bodyBin, binTask(&Task{1, strings.Repeat("x", length), 0}))
	case 1:
		s.binCall(s.method(), nil, bodyJSON, []byte(`{"Text":"`+strings.Repeat("x", length)+`"}`))
	case 2:
		s.binCall("Bin.Grow", nil, bodyBin, binTask(&Task{1, "", length}))
	}
}

func (s *session) binNested() {
	levels := pick(&s.dice, 90, 98, 99, 100, 101, 102, s.size(60000))
	if s.chance(50) {
		s.binCall(s.method(), nil, bodyJSON, []byte(strings.Repeat("[", levels)+strings.Repeat("]", levels)))
		return
	}
	var body []byte
	for levels = between(0, levels, 2000); levels > 0; levels-- {
		body = protoBytes(pick(&s.dice, 1, 2, 4), string(body))
	}
	s.binCall(s.method(), nil, bodyBin, body)
}

const (
	kindCancel = 1
	kindPing   = 3
)

func (s *session) binTimes() {
	s.binWith(s.service()+"."+pick(&s.dice, "Wait", "Echo"), protoNumber(5, uint64(pick(&s.dice, int64(0), 1, 1000,
		-1, 1<<63-1, -1<<63))))
	if s.chance(50) {
		s.begin()
		s.add(binFrame(0, append(protoNumber(2, uint64(s.below(20))), protoNumber(4, uint64(pick(&s.dice, kindCancel,
			kindPing)))...), nil))
	}
}

func (s *session) binTexts() {
	switch s.below(3) {
	case 0:
		s.binWith(s.service()+"."+s.text(), nil)
	case 1:
		s.binCall("Bin.Fail", nil, bodyBin, binTask(&Task{1, s.text(), 0}))
	case 2:
		s.binWith(s.known(), protoBytes(6, string(append(protoBytes(1, s.text()), protoBytes(2, s.text())...))))
	}
}

func (s *session) binIds() {
	s.binWith(s.method(), protoNumber(2, uint64(pick(&s.dice, int64(1), 1, 0, -1, 1<<63-1))))
}

func (s *session) binNonsense() {
	s.begin()
	kind := s.below(9)
	s.add(binFrame(byte(s.below(2)), append(protoNumber(2, uint64(s.below(20))), protoNumber(4, uint64(kind))...),
		s.protoMessage(1)))
}

func (s *session) binBurst() {
	for n := s.below(100); n > 0; n-- {
		s.binPlain()
	}
}

func (s *session) binFlood() {
	s.deaf = true
	for n := s.below(20); n >= 0; n-- {
		s.binCall("Bin.Grow", nil, bodyBin, binTask(&Task{1, "", s.size(240000)}))
	}
}
