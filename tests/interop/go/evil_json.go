// The hostile neighbour's requests in JSON: GeeRPC's headers and bodies, and JSON-RPC 1.0 and 2.0.
package main

import (
	"fmt"
	"strings"
)

// jsonRequest is one call; its members are JSON as on the wire.
type jsonRequest struct{ method, body, id, more string }

// quoted is s as a JSON string, whose bytes stay unchanged, UTF-8 or not.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`, "\n", `\n`, "\r", `\r`, "\x00", `\u0000`).Replace(s) + `"`
}

func (s *session) jsonCall(r jsonRequest) {
	s.begin()
	if r.id == "" {
		r.id = fmt.Sprint(s.seq)
	}
	switch s.wire {
	case "json":
		s.add([]byte(fmt.Sprintf(`{"ServiceMethod":%s,"Seq":%s%s}%s`+"\n", r.method, r.id, r.more, r.body)))
	case "jsonrpc":
		s.add([]byte(s.order(`"method":`+r.method, `"params":[`+r.body+`]`, `"id":`+r.id) + "\n"))
	default:
		params := r.body
		if s.chance(70) {
			params = "[" + r.body + "]"
		}
		members := []string{`"jsonrpc":"2.0"`, `"method":` + r.method, `"params":` + params, `"id":` + r.id}
		if s.chance(10) {
			members = members[:3] // a notification
		}
		text := s.order(members...)
		if s.chance(10) {
			text = "[" + strings.Repeat(text+",", s.below(5)) + text + "]"
		}
		s.add([]byte(text + "\n"))
	}
}

// order is an object of these members, in any order.
func (s *session) order(members ...string) string {
	for i := range members {
		j := i + s.below(len(members)-i)
		members[i], members[j] = members[j], members[i]
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (s *session) jsonTask() string {
	return fmt.Sprintf(`{"Token":%d,"Text":%s,"Number":%d,"A":%d,"B":%d,"Num1":1,"Num2":2}`, s.integer(),
		quoted("hostile"), s.below(100),
		s.below(9), s.below(9))
}

func (s *session) jsonPlain() {
	s.jsonCall(jsonRequest{method: quoted(s.known()), body: s.jsonTask()})
}

func (s *session) jsonTypo() { s.jsonCall(jsonRequest{method: quoted(s.typo()), body: s.jsonTask()}) }

func (s *session) jsonSecret() {
	s.jsonCall(jsonRequest{method: quoted(s.secret()), body: s.jsonTask()})
}

// jsonHeader is a text that a server may take for a request when it stands in the place of one.
func (s *session) jsonHeader() string {
	seq := s.below(100)
	return pick(&s.dice,
		fmt.Sprintf(`{"ServiceMethod":"Admin.Reset","Seq":%d}`, seq),
		fmt.Sprintf(`{"ServiceMethod":"Admin.Reset","Seq":%d}{}`, seq),
		fmt.Sprintf(`{"ServiceMethod":"Admin.Reset","Seq":%d,"Error":"x"}`, seq),
		fmt.Sprintf(`{"method":"Admin.Reset","params":[{}],"id":%d}`, seq),
		fmt.Sprintf(`{"jsonrpc":"2.0","method":"Admin.Reset","params":[{}],"id":%d}`, seq),
		fmt.Sprintf(`{"id":%d,"result":7,"error":null}`, seq),
		fmt.Sprintf(`{}],"id":1,"method":"Admin.Reset","params":[{}`))
}

func (s *session) jsonHeaders() {
	s.jsonCall(jsonRequest{method: quoted(s.method()), body: s.jsonHeader()})
}

// jsonValue is any value.
func (s *session) jsonValue(depth int) string {
	if depth == 0 || s.chance(50) {
		return pick(&s.dice, "null", "true", "false", "0", "-0", fmt.Sprint(s.integer()), "1.5", "1e300", "-1e-300",
			"18446744073709551616",
			"1E400", quoted(s.text()), `"\ud800"`, `"\udc00\ud800"`, `"\u0000"`, "{}", "[]", s.jsonHeader())
	}
	var parts []string
	object := s.chance(60)
	for n := s.below(5); n > 0; n-- {
		part := s.jsonValue(depth - 1)
		if object {
			part = quoted(pick(&s.dice, "Token", "Text", "Number", "A", "B", "token", "", "Next", "Value",
				s.text())) + ":" + part
		}
		parts = append(parts, part)
	}
	if object {
		return "{" + strings.Join(parts, ",") + "}"
	}
	return "[" + strings.Join(parts, ",") + "]"
}

func (s *session) jsonValues() {
	s.jsonCall(jsonRequest{method: quoted(s.method()), body: s.jsonValue(1 + s.below(6))})
}

// jsonClaims is almost JSON, or more than one value.
func (s *session) jsonClaims() {
	body := pick(&s.dice, "", "{", "}", "[", "{}{}", "{} {}", "1 2", "nul", "tru", "+1", "01", "1.", ".5", "1e", "-",
		"NaN", "Infinity", "'a'",
		`"a`, `"\x"`, `"\u12"`, `{"a"}`, `{"a":}`, `{"a":1,}`, "[1,]", "{,}", "/* */ {}", "\ufeff{}", "{}\x00",
		"\x00", `{"a":1 "b":2}`, `"`+"\n"+`"`,
		"1e"+strings.Repeat("9", s.size(1000)), strings.Repeat("9", s.size(5000)), "0."+strings.Repeat("0",
			s.size(5000))+"1", "{}]", "{},{}")
	s.jsonCall(jsonRequest{method: quoted(s.method()), body: body})
}

func (s *session) jsonNames() {
	name := strings.Repeat(pick(&s.dice, "E", "é", "😀", "."), s.size(200000))
	switch s.below(3) {
	case 0:
		s.jsonCall(jsonRequest{method: quoted(s.service() + "." + name), body: s.jsonTask()})
	case 1:
		s.jsonCall(jsonRequest{method: quoted(s.known()), body: "{" + quoted(name) + ":1}"})
	case 2:
		s.jsonCall(jsonRequest{method: quoted(s.known()), body: s.jsonTask(),
			more: `,"Metadata":{` + quoted(name) + `:"1"}`})
	}
}

func (s *session) jsonOversized() {
	length := 200000 + s.below(700000)
	switch s.below(3) {
	case 0:
		s.jsonCall(jsonRequest{method: quoted(s.method()), body: `{"Text":"` + strings.Repeat("x", length) + `"}`})
	case 1:
		s.jsonCall(jsonRequest{method: quoted(s.method()), body: "[" + strings.Repeat("{},", length/3) + "{}]"})
	case 2: // the reply is
		s.jsonCall(jsonRequest{method: quoted(s.work() + ".Grow"), body: fmt.Sprintf(`{"Number":%d}`, length)})
	}
}

func (s *session) jsonNested() {
	levels := pick(&s.dice, 90, 95, 98, 99, 100, 101, 102, s.size(60000))
	open, close := `{"Next":`, "}"
	if s.chance(50) {
		open, close = "[", "]"
	}
	body := strings.Repeat(open, levels) + "1" + strings.Repeat(close, levels)
	if s.chance(20) {
		body = `{"Token":1,"Other":` + body + "}"
	}
	s.jsonCall(jsonRequest{method: quoted(s.method()), body: body})
}

func (s *session) jsonTimes() {
	more := fmt.Sprintf(`,"Timeout":%s`, pick(&s.dice, "-1", "0", "1", "1000", "1000000", "-9223372036854775808",
		"9223372036854775807", "1e3", `"1"`, "null"))
	s.jsonCall(jsonRequest{method: quoted(s.service() + "." + pick(&s.dice, "Wait", "Echo")), body: s.jsonTask(),
		more: more})
}

func (s *session) jsonTexts() {
	switch s.below(4) {
	case 0:
		s.jsonCall(jsonRequest{method: quoted(s.service() + "." + s.text()), body: s.jsonTask()})
	case 1:
		s.jsonCall(jsonRequest{method: quoted(s.text()), body: s.jsonTask()})
	case 2:
		s.jsonCall(jsonRequest{method: quoted(s.work() + ".Fail"), body: `{"Text":` + quoted(s.text()) + "}"})
	case 3:
		s.jsonCall(jsonRequest{method: quoted(s.known()), body: s.jsonTask(),
			more: `,"Metadata":{` + quoted(s.text()) + ":" + quoted(s.text()) + "}"})
	}
}

func (s *session) jsonIds() {
	id := pick(&s.dice, "1", "1", "0", "-1", "1.0", "1e0", "18446744073709551615", "18446744073709551616", `"1"`,
		"null", "true", "[]", "{}", `""`,
		`"\ud800"`, quoted(s.text()), "1e400", strings.Repeat("1", s.size(3000)), `{"a":[1,2,{"b":null}]}`)
	s.jsonCall(jsonRequest{method: quoted(s.method()), body: s.jsonTask(), id: id})
}

// jsonNonsense is JSON, but not a request.
func (s *session) jsonNonsense() {
	s.begin()
	s.add([]byte(pick(&s.dice, "{}", "[]", "null", "1", `"text"`, "[[]]", "[1,2]", `{"ServiceMethod":1,"Seq":1}{}`,
		`{"Seq":1}{}`,
		`{"SERVICEMETHOD":"Net.Echo","SEQ":1}{}`,
		`{"ServiceMethod":"Net.Echo","ServiceMethod":"Admin.Reset","Seq":1}{}`,
		`{"METHOD":"Net.Echo","PARAMS":[{}],"ID":1}`,
		`{"method":"Net.Echo","params":[],"id":1}`, `{"method":"Net.Echo","params":[{},{}],"id":1}`,
		`{"method":"Net.Echo","params":{},"id":1}`,
		`{"method":"Net.Echo","params":null,"id":1}`, `{"method":"Net.Echo","id":1}`,
		`{"method":null,"params":[{}],"id":1}`, `{"id":1,"result":5,"error":null}`,
		`{"jsonrpc":"1.0","method":"Net.Echo","params":[{}],"id":1}`,
		`{"jsonrpc":"\u0032.0","method":"Net.Echo","params":[{}],"id":1}`,
		`{"jsonrpc":"2.0","id":1}`, `{"jsonrpc":"2.0","result":1,"id":1}`,
		`{"jsonrpc":"2.0","method":"Net.Echo","params":1,"id":1}`, "\n\n\n", " ") + "\n"))
}

func (s *session) jsonBurst() {
	for n := s.below(100); n > 0; n-- {
		s.jsonPlain()
	}
}

// jsonFlood asks for more than it reads.
func (s *session) jsonFlood() {
	s.deaf = true
	for n := s.below(20); n >= 0; n-- {
		s.jsonCall(jsonRequest{method: quoted(s.work() + ".Grow"), body: fmt.Sprintf(`{"Number":%d}`,
			s.size(240000))})
	}
}
