// Neighbours: honest callers of a gateway on every wire, with checked answers, beside a hostile caller (evil.go). They
// share the gateway's connections to its backends, and the hostile caller must not affect any honest caller.
//
// Standard output: one line, a report. A hostile session depends on the seed and its number alone, not on the time:
// -first 1200 -requests 50 repeats the sessions of an event of the report, -only values,claims only these productions.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand"
	"net"
	"net/rpc"
	"os"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// hostile is the values of the flags.
type hostile struct {
	seed     int64
	first    int
	requests int
	seconds  time.Duration
	callers  int
	only     string
	against  string
	wires    string
	patience time.Duration
	dump     bool
}

func (h *hostile) read(flags *flag.FlagSet) {
	flags.Int64Var(&h.seed, "seed", 1, "of neighbours: of what the hostile one sends")
	flags.IntVar(&h.first, "first", 0, "of neighbours: number of the first hostile session")
	flags.IntVar(&h.requests, "requests", 1000, "of neighbours: hostile ones, at least")
	flags.DurationVar(&h.seconds, "least", 0, "of neighbours: how long, at least")
	flags.IntVar(&h.callers, "hostile", 12, "of neighbours: hostile connections at once")
	flags.StringVar(&h.only, "only", "", "of neighbours: productions of the grammar, by name; empty: all")
	flags.StringVar(&h.against, "against", "",
		"of neighbours: services that the hostile one may call, Foo or Arith not alone; empty: all")
	flags.StringVar(&h.wires, "wires", strings.Join(hostileWires, ","), "of neighbours: what the hostile one speaks")
	flags.DurationVar(&h.patience, "patience", 10*time.Second, "of neighbours: after which a call hangs")
	flags.BoolVar(&h.dump, "dump", false, "of neighbours: print the hostile bytes instead")
}

type neighbourEvent struct {
	At       float64 `json:"at"`
	What     string  `json:"what"` // failed, wrong, hung, closed, refused
	Caller   string  `json:"caller"`
	Method   string  `json:"method"`
	Reason   string  `json:"reason"`
	Sessions []int   `json:"sessions"` // hostile sessions in flight
}

type neighbourReport struct {
	Seed        int64            `json:"seed"`
	Sessions    int              `json:"sessions"`
	Requests    int              `json:"requests"`
	Bytes       int64            `json:"bytes"`
	Answered    int64            `json:"answered"` // bytes that the hostile caller received
	Seconds     float64          `json:"seconds"`
	Honest      map[string]int   `json:"honest"` // calls answered correctly, by wire and service
	Productions map[string]int   `json:"productions"`
	Left        []int            `json:"left"` // hostile sessions whose connection was not ended in time
	Events      []neighbourEvent `json:"events"`
}

const mostNeighbourEvents = 20 // more events than these show nothing new

type street struct {
	*options
	began    time.Time
	stop     chan struct{}
	stopOnce sync.Once
	next     int64 // hostile session
	requests int64
	answered int64
	mu       sync.Mutex // of what follows
	report   neighbourReport
	active   map[int]bool // hostile sessions
}

func (s *street) over() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

func (s *street) end() { s.stopOnce.Do(func() { close(s.stop) }) }

func (s *street) tell(what, caller, method string, reason any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sessions := []int{}
	for number := range s.active {
		sessions = append(sessions, number)
	}
	sort.Ints(sessions)
	at := time.Since(s.began).Seconds()
	text := fmt.Sprint(reason)
	if len(text) > 400 {
		text = text[:400] + "..."
	}
	s.report.Events = append(s.report.Events, neighbourEvent{at, what, caller, method, text, sessions})
	if len(s.report.Events) >= mostNeighbourEvents {
		s.end()
	}
}

// ---- the honest callers ----

var honestWires = []string{"json", "gob", "bin", "netrpc", "jsonrpc", "jsonrpc2"}

const honestPerWire = 2

// Services with the methods of Work, and two services of which the gateway has the declaration.
var works = []string{"Net", "Rpc", "CarelessGob", "CarelessJson", "Json", "Bin", "Gob"}

const (
	typedToGo  = "Foo"
	typedToBin = "Arith"
)

func (s *street) dial(wire string) (*rpc.Client, error) {
	o := *s.options
	switch wire {
	case "json", "gob":
		o.protocol, o.codec = "geerpc", wire
	case "bin", "jsonrpc2":
		conn, err := net.Dial(o.network, o.place)
		if err != nil {
			return nil, err
		}
		if wire == "bin" {
			return dialBin(conn)
		}
		return dialRPC2(conn)
	default:
		o.protocol = wire
	}
	return dial(&o)
}

// honest is one caller. All its lanes share one connection, which is dialled again when it has ended, though it must
// not end.
type honest struct {
	*street
	name   string
	wire   string
	mu     sync.Mutex
	client *rpc.Client
}

func (h *honest) get() (*rpc.Client, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var err error
	if h.client == nil {
		h.client, err = h.dial(h.wire)
	}
	return h.client, err
}

func (h *honest) drop(client *rpc.Client, reason error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.client == client {
		h.tell("closed", h.name, "", reason)
		h.client = nil
		client.Close()
	}
}

// ask makes one call; false: no further call is possible.
func (h *honest) ask(method string, args, reply any, right func(error) error) bool {
	client, err := h.get()
	if err != nil {
		h.tell("refused", h.name, method, err)
		return false
	}
	call := client.Go(method, args, reply, make(chan *rpc.Call, 1))
	patience := time.NewTimer(h.options.hostile.patience)
	defer patience.Stop()
	select {
	case <-call.Done:
	case <-patience.C:
		h.tell("hung", h.name, method, args)
		return false
	}
	if _, said := call.Error.(rpc.ServerError); call.Error != nil && !said {
		h.tell("lost", h.name, method, call.Error)
		h.drop(client, call.Error)
		return true
	}
	if err := right(call.Error); err != nil {
		h.tell("wrong", h.name, method, err)
		return true
	}
	h.street.mu.Lock()
	h.report.Honest[h.wire+" "+method[:strings.Index(method, ".")]]++
	h.street.mu.Unlock()
	return true
}

func (h *honest) askNumber(method string, args any, expected int) bool {
	var number int
	return h.ask(method, args, &number, func(err error) error {
		if err == nil && number != expected {
			err = fmt.Errorf("%v gave %d instead of %d", args, number, expected)
		}
		return err
	})
}

func (h *honest) askWork(service, method string, task Task) bool {
	var reply Task
	expected := task
	if method == "Grow" {
		expected.Text = strings.Repeat("x", task.Number)
	}
	return h.ask(service+"."+method, &task, &reply, func(err error) error {
		words := fmt.Sprintf("task %d: %s", task.Token, task.Text)
		switch {
		case method == "Fail" && err != nil && err.Error() == words:
			return nil
		case method == "Fail":
			return fmt.Errorf("error %v instead of %q", err, words)
		case err == nil && reply != expected:
			return fmt.Errorf("%+.100v gave %+.100v", task, reply)
		}
		return err
	})
}

// lane makes one call after the other to one service. No two calls of all lanes have the same token.
func (h *honest) lane(index int, service string) {
	dice := rand.New(rand.NewSource(int64(index)))
	for token := index << 32; !h.over(); token++ {
		if !h.turn(service, token, dice) {
			return
		}
		time.Sleep(h.pause/2 + time.Duration(dice.Int63n(int64(h.pause))))
	}
}

func (h *honest) turn(service string, token int, dice *rand.Rand) bool {
	switch service {
	case typedToGo:
		return h.askNumber("Foo.Sum", FooArgs{token, 7}, token+7)
	case typedToBin:
		return h.askNumber("Arith.Multiply", Args{token, 3}, 3*token)
	}
	task := Task{Token: token, Text: fmt.Sprintf("%s é %d", h.name, token), Number: dice.Intn(30)}
	switch dice.Intn(8) {
	case 0, 1:
		return h.askWork(service, "Wait", task)
	case 2:
		return h.askWork(service, "Fail", task)
	case 3:
		task.Number = dice.Intn(20000)
		return h.askWork(service, "Grow", task)
	case 4:
		task.Text += strings.Repeat(" and so on", dice.Intn(2000))
	}
	return h.askWork(service, "Echo", task)
}

func (s *street) honestOnes() *sync.WaitGroup {
	var all sync.WaitGroup
	index := 0
	for _, wire := range honestWires {
		for n := 1; n <= honestPerWire; n++ {
			h := &honest{street: s, name: fmt.Sprintf("%s %d", wire, n), wire: wire}
			for _, service := range append([]string{typedToGo, typedToBin}, works...) {
				index++
				all.Add(1)
				go func(index int, service string) {
					defer all.Done()
					h.lane(index, service)
				}(index, service)
			}
		}
	}
	return &all
}

// fewest is the number of honest calls on the wire and service with the fewest calls.
func (s *street) fewest() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.report.Honest) < len(honestWires)*(len(works)+2) {
		return 0
	}
	fewest := 1 << 30
	for _, count := range s.report.Honest {
		if count < fewest {
			fewest = count
		}
	}
	return fewest
}

// waitForHonest waits until each honest caller has got that many further answers, or a failure is known.
func (s *street) waitForHonest(more int) {
	wanted := s.fewest() + more
	for !s.over() && s.fewest() < wanted && s.calm() {
		time.Sleep(5 * time.Millisecond)
	}
}

func (s *street) calm() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.report.Events) == 0
}

// ---- the hostile caller ----

func (s *street) hostileLane() {
	h := &s.options.hostile
	for !s.over() && (atomic.LoadInt64(&s.requests) < int64(h.requests) || time.Since(s.began) < h.seconds) {
		number := int(atomic.AddInt64(&s.next, 1)) - 1
		session := newSession(h, number)
		s.begin(session)
		answered := session.run(s.network, s.place)
		atomic.AddInt64(&s.answered, answered)
		s.mu.Lock()
		delete(s.active, number)
		if session.left {
			s.report.Left = append(s.report.Left, number)
		}
		s.mu.Unlock()
	}
}

func (s *street) begin(session *session) {
	atomic.AddInt64(&s.requests, int64(session.requests))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active[session.number] = true
	s.report.Sessions++
	s.report.Bytes += int64(len(session.out))
	for _, name := range session.productions {
		s.report.Productions[name]++
	}
}

func (s *street) hostileOne() {
	var all sync.WaitGroup
	for n := 0; n < s.options.hostile.callers; n++ {
		all.Add(1)
		go func() {
			defer all.Done()
			s.hostileLane()
		}()
	}
	all.Wait()
}

func neighbours(o *options) error {
	if o.hostile.dump {
		session := newSession(&o.hostile, o.hostile.first)
		fmt.Printf("%s %v %d requests, %s at the end\n%q\n", session.wire, session.productions, session.requests,
			session.ending, session.out)
		return nil
	}
	s := &street{options: o, began: time.Now(), stop: make(chan struct{}), next: int64(o.hostile.first),
		active: map[int]bool{}}
	s.report = neighbourReport{Seed: o.hostile.seed, Honest: map[string]int{}, Productions: map[string]int{},
		Events: []neighbourEvent{}}
	honest := s.honestOnes()
	s.waitForHonest(1)
	s.hostileOne()
	s.waitForHonest(1)
	s.end()
	honest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.Requests, s.report.Answered = int(s.requests), s.answered
	s.report.Seconds = time.Since(s.began).Seconds()
	return json.NewEncoder(os.Stdout).Encode(&s.report)
}
