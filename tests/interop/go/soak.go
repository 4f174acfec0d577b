// Clients that go on and on, while somebody reloads, upgrades and kills the server: every answer is checked, and what
// goes wrong is counted and told.
//
//	standard input: "report" -> standard output: one line, a report; its end -> all stop, a last report
//
// A connection that breaks is told with its reason and the process that served it, and only then dialled anew. The C
// program tests/chaos/soak.c, for wires that no Go program speaks, has the same lines.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/rpc"
	"os"
	"sync"
	"time"
)

type Wait struct{ Token, Milliseconds int }
type Served struct{ Token, Pid int }

// event is a failure that must not happen by itself.
type event struct {
	What   string `json:"what"` // a counter of the report
	Pid    int    `json:"pid"`  // of the process that served the connection; 0: not known
	Reason string `json:"reason"`
}

// report has the counts so far; its events are those since the last report.
type report struct {
	Connects int     `json:"connects"`
	Calls    int     `json:"calls"`   // answered correctly
	Failed   int     `json:"failed"`  // answered with an error
	Wrong    int     `json:"wrong"`   // answered with a wrong value
	Lost     int     `json:"lost"`    // in flight when their connection broke
	Closed   int     `json:"closed"`  // connections that broke
	Refused  int     `json:"refused"` // dials that failed
	Pids     []int   `json:"pids"`    // the process that serves each connection; 0: not known yet
	Oldest   float64 `json:"oldest"`  // seconds that the oldest call has been waiting
	Events   []event `json:"events"`
}

const mostEvents = 1000

type soak struct {
	options *options
	stop    chan struct{}
	mu      sync.Mutex // of what follows
	report  report
	waiting map[*time.Time]bool // start times of the calls in flight
}

func (s *soak) stopped() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

func (s *soak) count(counter *int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*counter++
}

func (s *soak) tell(counter *int, what string, pid int, err error) {
	s.count(counter)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.report.Events) < mostEvents {
		s.report.Events = append(s.report.Events, event{what, pid, err.Error()})
	}
}

// call makes one call, which is in `waiting` in the meantime.
func (s *soak) call(client *rpc.Client, method string, args, reply any) error {
	began := time.Now()
	s.mu.Lock()
	s.waiting[&began] = true
	s.mu.Unlock()
	err := client.Call(method, args, reply)
	s.mu.Lock()
	delete(s.waiting, &began)
	s.mu.Unlock()
	return err
}

// wrong is an answer that does not belong to its call.
type wrong struct{ error }

func check(err error, right bool, format string, values ...any) error {
	if err == nil && !right {
		return wrong{fmt.Errorf(format, values...)}
	}
	return err
}

// process is a call from which a client learns which process serves it.
func (s *soak) process(client *rpc.Client, method string, n, milliseconds int) (int, error) {
	var served Served
	err := s.call(client, "Process."+method, Wait{n, milliseconds}, &served)
	return served.Pid, check(err, served.Token == n, "Process.%s of %d gave that of %d", method, n, served.Token)
}

// plain is the nth call of the calls that may be repeated.
func (s *soak) plain(client *rpc.Client, n int) (int, error) {
	if n%16 == 0 {
		return s.process(client, "Id", n, 0)
	}
	var number int
	err := s.call(client, "Arith.Multiply", Args{n, 3}, &number)
	return 0, check(err, number == n*3, "%d * 3 = %d", n, number)
}

// mixed is the nth call: short calls, an error that must come, and some calls that are in flight for a while.
func (s *soak) mixed(client *rpc.Client, n int) (int, error) {
	var number int
	switch n % 16 {
	case 0, 8:
		return s.process(client, "Id", n, 0)
	case 7:
		return s.process(client, "Sleep", n, n/16%50)
	case 15:
		if n/16%8 == 0 { // threads are few
			return s.process(client, "Block", n, n/128%20)
		}
	case 1, 5, 9, 13:
		var quotient Quotient
		err := s.call(client, "Arith.Divide", Args{n, 7}, &quotient)
		return 0, check(err, quotient == Quotient{n / 7, n % 7}, "%d / 7 = %v", n, quotient)
	case 2, 10:
		err := s.call(client, "Foo.Sum", FooArgs{n, -1}, &number)
		return 0, check(err, number == n-1, "%d - 1 = %d", n, number)
	case 3:
		err := s.call(client, "Arith.Divide", Args{n, 0}, &Quotient{})
		if _, fromServer := err.(rpc.ServerError); err == nil || fromServer && err.Error() != "divide by zero" {
			err = wrong{fmt.Errorf("%d / 0: %v", n, err)}
		} else if fromServer {
			err = nil
		}
		return 0, err
	}
	err := s.call(client, "Arith.Multiply", Args{n, 3}, &number)
	return 0, check(err, number == n*3, "%d * 3 = %d", n, number)
}

// ---- connections that stay ----

// connection has lanes: that many calls are in flight on it at once.
type connection struct {
	*soak
	index  int
	client *rpc.Client
	broken sync.Once
}

func (c *connection) pid() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.report.Pids[c.index]
}

func (c *connection) setPid(pid int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Pids[c.index] = pid
}

// took notes how a call ended; false: the connection cannot be used any more.
func (c *connection) took(pid int, err error) bool {
	switch err.(type) {
	case nil:
		if pid != 0 {
			c.setPid(pid)
		}
		c.count(&c.report.Calls)
	case wrong:
		c.tell(&c.report.Wrong, "wrong", c.pid(), err)
	case rpc.ServerError:
		c.tell(&c.report.Failed, "failed", c.pid(), err)
	default:
		c.broken.Do(func() { c.tell(&c.report.Closed, "closed", c.pid(), err) })
		if !errors.Is(err, rpc.ErrShutdown) { // for calls that were not sent any more
			c.tell(&c.report.Lost, "lost", c.pid(), err)
		}
		return false
	}
	return true
}

// pace lets a call start at each of its ticks, or at any time.
func (c *connection) pace() (<-chan time.Time, func()) {
	if c.options.rate > 0 {
		ticker := time.NewTicker(time.Duration(float64(time.Second) / c.options.rate))
		return ticker.C, ticker.Stop
	}
	always := make(chan time.Time)
	close(always)
	return always, func() {}
}

// run makes calls until the connection breaks or the soak ends. Numbers begin at *next, and each is used once.
func (c *connection) run(next *int) {
	pid, err := c.process(c.client, "Id", *next, 0)
	*next++
	if !c.took(pid, err) {
		return
	}
	nth := c.mixed
	if c.options.plain {
		nth = c.plain
	}
	pace, stop := c.pace()
	defer stop()
	var lanes sync.WaitGroup
	var mu sync.Mutex
	for lane := 0; lane < c.options.depth; lane++ {
		lanes.Add(1)
		go func() {
			defer lanes.Done()
			for !c.stopped() {
				select {
				case <-pace:
				case <-c.stop:
					return
				}
				mu.Lock()
				n := *next
				*next++
				mu.Unlock()
				if !c.took(nth(c.client, n)) {
					return
				}
			}
		}()
	}
	lanes.Wait()
}

func (s *soak) stay(index int) {
	next := index << 40
	for !s.stopped() {
		client, err := dial(s.options)
		if err != nil {
			s.tell(&s.report.Refused, "refused", 0, err)
			time.Sleep(s.options.pause)
			continue
		}
		s.count(&s.report.Connects)
		c := &connection{soak: s, index: index, client: client}
		c.run(&next)
		c.setPid(0)
		client.Close()
	}
}

// ---- connections of one call ----

func (s *soak) fresh(index int) {
	for n := index << 40; !s.stopped(); n++ {
		client, err := dial(s.options)
		if err != nil {
			s.tell(&s.report.Refused, "refused", 0, err)
			time.Sleep(s.options.pause)
			continue
		}
		s.count(&s.report.Connects)
		c := &connection{soak: s, index: index, client: client}
		c.took(s.process(client, "Id", n, 0))
		client.Close()
		time.Sleep(s.options.pause)
	}
}

// ---- reports ----

func (s *soak) print(out *json.Encoder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.Oldest = 0
	for began := range s.waiting {
		if waited := time.Since(*began).Seconds(); waited > s.report.Oldest {
			s.report.Oldest = waited
		}
	}
	out.Encode(&s.report)
	s.report.Events = []event{}
}

// goOn has o.connections connections with o.depth calls in flight on each or, with o.fresh, that many connections of
// one call at once.
func goOn(o *options) {
	s := &soak{options: o, stop: make(chan struct{}), waiting: map[*time.Time]bool{}}
	s.report.Pids, s.report.Events = make([]int, o.connections), []event{}
	work := s.stay
	if o.fresh {
		work = s.fresh
	}
	var all sync.WaitGroup
	for index := 0; index < o.connections; index++ {
		all.Add(1)
		go func(index int) {
			defer all.Done()
			work(index)
		}(index)
	}
	out := json.NewEncoder(os.Stdout)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		s.print(out)
	}
	close(s.stop)
	all.Wait()
	s.print(out)
}
