// The hostile neighbour: sessions of requests that a grammar makes from a seed and a number alone. A session has one
// wire and some productions; each production has a form for JSON, for gob and for bin, or names the wires without a
// form.
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"
)

// dice are splitmix64, which is seeded quickly.
type dice struct{ state uint64 }

func (d *dice) roll() uint64 {
	d.state += 0x9e3779b97f4a7c15
	z := d.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (d *dice) below(n int) int { return int(d.roll() % uint64(n)) }

func (d *dice) chance(percent int) bool { return d.below(100) < percent }

func pick[T any](d *dice, of ...T) T { return of[d.below(len(of))] }

// size is small most of the time, and sometimes large: up to most.
func (d *dice) size(most int) int {
	n := 1 << d.below(24)
	if n > most {
		n = most
	}
	return d.below(n + 1)
}

type session struct {
	dice
	number      int
	against     []string // services
	wire        string
	productions []string
	out         []byte
	starts      []int // of the requests in out
	requests    int
	ending      string
	seq         uint64
	deaf        bool
	left        bool // the session leaves without an end when all bytes are sent
	gob         gobState
}

var hostileWires = []string{"json", "gob", "bin", "netrpc", "jsonrpc", "jsonrpc2", "connect", "http"}

// There is no production for everything else: requests outside of this table are not sent.
type production struct {
	name   string
	weight int
	json   func(*session)
	gob    func(*session)
	bin    func(*session)
}

func productions() []production {
	return []production{
		{"plain", 6, (*session).jsonPlain, (*session).gobPlain, (*session).binPlain},
		{"typos", 8, (*session).jsonTypo, (*session).gobTypo, (*session).binTypo},
		{"secrets", 4, (*session).jsonSecret, (*session).gobSecret, (*session).binSecret},
		{"headers", 8, (*session).jsonHeaders, (*session).gobHeaders, (*session).binHeaders},
		{"nil-interfaces", 8, nil, (*session).gobNilInterface, nil},
		{"values", 10, (*session).jsonValues, (*session).gobValues, (*session).binValues},
		{"claims", 8, (*session).jsonClaims, (*session).gobClaims, (*session).binClaims},
		{"definitions", 6, nil, (*session).gobDefinitions, nil},
		{"names", 2, (*session).jsonNames, (*session).gobNames, (*session).binNames},
		{"oversized", 2, (*session).jsonOversized, (*session).gobOversized, (*session).binOversized},
		{"nested", 3, (*session).jsonNested, (*session).gobNested, (*session).binNested},
		{"times", 5, (*session).jsonTimes, (*session).gobTimes, (*session).binTimes},
		{"texts", 5, (*session).jsonTexts, (*session).gobTexts, (*session).binTexts},
		{"ids", 5, (*session).jsonIds, (*session).gobIds, (*session).binIds},
		{"nonsense", 4, (*session).jsonNonsense, (*session).gobNonsense, (*session).binNonsense},
		{"bursts", 1, (*session).jsonBurst, (*session).gobBurst, (*session).binBurst},
		{"floods", 1, (*session).jsonFlood, (*session).gobFlood, (*session).binFlood},
	}
}

func (p *production) on(wire string) func(*session) {
	switch wire {
	case "json", "jsonrpc", "jsonrpc2":
		return p.json
	case "bin":
		return p.bin
	case "http":
		return nil
	}
	return p.gob
}

// grammar is the productions named by `only`, and the mutations of their bytes; without names all of them.
type grammar struct {
	productions          []production
	http, mutations, cut bool
}

func newGrammar(only string) *grammar {
	if only == "" {
		return &grammar{productions(), true, true, true}
	}
	g := &grammar{}
	for _, name := range strings.Split(only, ",") {
		g.take(name)
	}
	return g
}

func (g *grammar) take(name string) {
	switch name {
	case "http":
		g.http = true
		return
	case "mutated":
		g.mutations = true
		return
	case "cut":
		g.cut = true
		return
	}
	for _, each := range productions() {
		if each.name == name {
			g.productions = append(g.productions, each)
			return
		}
	}
	fail(fmt.Errorf("-only: there is no %q", name))
}

// able are the productions that the wire has.
func (g *grammar) able(wire string) []production {
	var able []production
	for _, each := range g.productions {
		if each.on(wire) != nil {
			able = append(able, each)
		}
	}
	return able
}

func newSession(h *hostile, number int) *session {
	s := &session{number: number, against: forwarded}
	if h.against != "" {
		s.against = strings.Split(h.against, ",")
	}
	s.state = uint64(h.seed)*0x9e3779b97f4a7c15 ^ uint64(number)*0xd1b54a32d192ed03
	s.roll()
	g := newGrammar(h.only)
	s.say(g, strings.Split(h.wires, ","))
	s.ending = pick(&s.dice, "half-close", "half-close", "half-close", "half-close", "quiet", "quiet", "close",
		"reset")
	if s.deaf {
		s.ending = "deaf"
	}
	if g.mutations && s.chance(25) {
		s.mutate()
	}
	if g.cut && s.chance(10) {
		s.cut()
	}
	return s
}

// say makes the bytes of a session, on a wire that has some of the productions.
func (s *session) say(g *grammar, wires []string) {
	var able []production
	for len(able) == 0 {
		s.wire = pick(&s.dice, wires...)
		if s.wire == "http" && g.http {
			s.requests = 1
			s.productions = []string{"http"}
			s.out = s.httpRequest()
			return
		}
		able = g.able(s.wire)
	}
	s.open()
	for n := s.below(12); n >= 0; n-- {
		s.produce(able)
	}
}

func (s *session) produce(able []production) {
	total := 0
	for i := range able {
		total += able[i].weight
	}
	n := s.below(total)
	for i := range able {
		if n -= able[i].weight; n < 0 {
			s.productions = append(s.productions, able[i].name)
			able[i].on(s.wire)(s)
			return
		}
	}
}

func (s *session) add(bytes ...[]byte) {
	for _, each := range bytes {
		s.out = append(s.out, each...)
	}
}

// begin runs before each request.
func (s *session) begin() {
	s.requests++
	s.seq++
	s.starts = append(s.starts, len(s.out))
}

func (s *session) open() {
	option := func(codec string) {
		times := ""
		if s.chance(5) {
			times = fmt.Sprintf(`,"HandleTimeout":%d`, pick(&s.dice, 1, -1, 1000000, -1<<63, 1<<63-1))
		}
		s.add([]byte(fmt.Sprintf(`{"MagicNumber":%d,"CodecType":"application/%s"%s}`+"\n", magicNumber, codec,
			times)))
	}
	s.gob.header = "Request"
	switch s.wire {
	case "json", "bin":
		option(s.wire)
	case "gob":
		option(s.wire)
		s.gob.header = "Header"
	case "connect":
		s.add([]byte("CONNECT /_goRPC_ HTTP/1.0\n\n"))
	}
	s.gob.next = 65
}

// ---- names ----

var forwarded = append([]string{typedToGo, typedToBin}, works...)

// service is one of the services that the session may call.
func (s *session) service() string { return pick(&s.dice, s.against...) }

// work is one of the services with the methods of Work.
func (s *session) work() string {
	for {
		if service := s.service(); service != typedToGo && service != typedToBin {
			return service
		}
	}
}

// known is a method of some server behind the gateway.
func (s *session) known() string {
	service := s.service()
	switch service {
	case typedToGo:
		return "Foo.Sum"
	case typedToBin:
		return "Arith." + pick(&s.dice, "Multiply", "Divide")
	}
	return service + "." + pick(&s.dice, "Echo", "Wait", "Fail", "Grow", "Walk", "Count", "Open")
}

func (s *session) typo() string {
	if s.chance(20) { // a name of its own
		return fmt.Sprintf("%s.Nix%d", s.service(), s.below(1<<20))
	}
	service := s.service()
	return pick(&s.dice, service+".Nix", service+".echo", service+".Echo ", service+".", service+"..Echo",
		service+".Echo.Echo",
		service+".Admin.Reset", service+".Éçhø", service+".\x00", strings.ToLower(service)+".Echo", "Nobody.Echo",
		service, ".", "")
}

func (s *session) secret() string {
	return pick(&s.dice, "Admin.Reset", "Admin.Reset", "Admin.Reset", "Process.Id", "Process.Sleep", "admin.reset",
		"Admin.Reset ",
		" Admin.Reset", "Net.Admin.Reset", "Admin\x00.Reset", "Kinds.Text", "Gee.Describe")
}

func (s *session) method() string {
	switch n := s.below(10); {
	case n < 7:
		return s.known()
	case n < 9:
		return s.typo()
	}
	return s.secret()
}

// text is a short text of any kind.
func (s *session) text() string {
	return pick(&s.dice, "", "a", "text", "é", strings.Repeat("é", s.below(200)), "x"+strings.Repeat("é",
		s.below(200)), "\xff\xfe",
		"\xc3", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\u0000", "\u2028", "😀", strings.Repeat("\xf0\x9f\x98\x80",
			s.below(100)),
		strings.Repeat("0123456789", s.size(500)), "\r\n\r\n", `"`, `\`, `{"ServiceMethod":"Admin.Reset","Seq":1}`,
		"Admin.Reset")
}

func (s *session) integer() int64 {
	return pick(&s.dice, 0, 1, -1, 127, 128, 1<<31-1, -1<<31, 1<<32, 1<<53, 1<<63-1, -1<<63, int64(s.roll()),
		int64(s.below(1000)))
}

// ---- HTTP ----

func (s *session) httpRequest() []byte {
	path := pick(&s.dice, "/debug/geerpc", "/debug/rpc?format=json", "/_geerpc_/registry", "/", "*", "/_geeprc_",
		"/_goRPC_", "/%00", "/#x")
	head := pick(&s.dice, "GET", "POST", "CONNECT", "PUT", "PRI", "GET ") + " " + path + " " + pick(&s.dice,
		"HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "")
	for n := s.below(5); n > 0; n-- {
		head += "\r\n" + pick(&s.dice, "Host: localhost", "Content-Length: 5", "Content-Length: 99999999999",
			"Transfer-Encoding: chunked",
			"Connection: close", "X-"+strings.Repeat("y", s.size(9000))+": z", "Bad Name: x", "Expect: 100-continue",
			"A:\x00")
	}
	body := pick(&s.dice, "", "hello", "5\r\nhello\r\n0\r\n\r\n", `{"method":"Admin.Reset","params":[{}],"id":1}`)
	return []byte(head + pick(&s.dice, "\r\n\r\n", "\n\n", "\r\n") + body)
}

// ---- almost well-formed, and cut ----

var words = []string{"\x00", "\xff", "\x7f", "\x80", "\xf8\x7f\xff\xff\xff\xff\xff\xff\xff", "{", "}", "[", "]", `"`,
	",", ":", "null", "1e999", "\n",
	"Admin.Reset", "\xfc\x40\x00\x00\x00", "\xff\xff\xff\xff"}

// mutate leaves the opening whole most of the time.
func (s *session) mutate() {
	s.productions = append(s.productions, "mutated")
	least := 0
	if len(s.starts) > 0 && s.chance(90) {
		least = s.starts[0]
	}
	for n := 1 + s.size(16); n > 0 && len(s.out) > least; n-- {
		at := least + s.below(len(s.out)-least)
		length := s.below(1 + between(0, 16, len(s.out)-at))
		switch s.below(6) {
		case 0:
			s.out[at] ^= 1 << s.below(8)
		case 1:
			s.out[at] = byte(s.roll())
		case 2:
			s.splice(at, length, nil)
		case 3:
			s.splice(at, 0, s.out[at:at+length])
		case 4:
			s.splice(at, s.below(1+length), []byte(pick(&s.dice, words...)))
		case 5:
			from := s.below(len(s.out))
			s.splice(at, length, s.out[from:between(from, from+s.below(64), len(s.out))])
		}
	}
}

// splice replaces `length` bytes.
func (s *session) splice(at, length int, bytes []byte) {
	rest := append(append([]byte{}, bytes...), s.out[at+length:]...)
	s.out = append(s.out[:at], rest...)
}

func (s *session) cut() {
	s.productions = append(s.productions, "cut")
	s.out = s.out[:s.below(len(s.out)+1)]
	s.ending = pick(&s.dice, "half-close", "quiet", "close", "reset")
}

// ---- sending the bytes ----

const patienceOfTheHostile = 2 * time.Second

// run sends the bytes, in one piece or several, and returns how many bytes came back.
func (s *session) run(network, place string) int64 {
	patience := patienceOfTheHostile
	if s.deaf { // reads the end of the answers, or nothing
		patience /= 4
	}
	conn, err := net.DialTimeout(network, place, patienceOfTheHostile)
	if err != nil {
		return 0
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if s.ending == "deaf" {
		s.send(conn)
		time.Sleep(time.Duration(s.below(200)) * time.Millisecond)
		return 0
	}
	read := make(chan int64, 1)
	go func() {
		n, err := io.Copy(io.Discard, conn)
		s.left = err != nil && errors.Is(err, os.ErrDeadlineExceeded)
		read <- n
	}()
	s.send(conn)
	switch s.ending {
	case "half-close":
		conn.(interface{ CloseWrite() error }).CloseWrite()
		return <-read
	case "quiet":
		time.Sleep(time.Duration(s.below(20)) * time.Millisecond)
	case "reset":
		conn.(*net.TCPConn).SetLinger(0)
	}
	conn.Close()
	return <-read
}

func (s *session) send(conn net.Conn) {
	pieces := 1
	if s.chance(20) {
		pieces = 2 + s.below(6)
	}
	for from := 0; pieces > 0; pieces-- {
		to := len(s.out)
		if pieces > 1 {
			to = from + s.below(len(s.out)-from+1)
		}
		if _, err := conn.Write(s.out[from:to]); err != nil {
			return
		}
		from = to
	}
}
