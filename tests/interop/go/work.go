// The service that neighbours call, and the servers that they share: Go's own, and a server as careless as GeeRPC's.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/rpc"
	"os"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"
)

// Task is the argument of every method of Work, and its reply: an answer is a function of its argument.
type Task struct {
	Token  int
	Text   string
	Number int
}

const (
	longestWait = 50      // milliseconds
	longestText = 1 << 20 // bytes
)

func between(least, number, most int) int {
	if number < least {
		return least
	}
	if number > most {
		return most
	}
	return number
}

// Work has a twin in C, for geerpc: tests/modules/service_work.
type Work int

func (Work) Echo(task *Task, reply *Task) error {
	*reply = *task
	return nil
}

func (Work) Wait(task *Task, reply *Task) error {
	time.Sleep(time.Duration(between(0, task.Number, longestWait)) * time.Millisecond)
	*reply = *task
	return nil
}

func (Work) Fail(task *Task, reply *Task) error {
	return fmt.Errorf("task %d: %s", task.Token, task.Text)
}

func (Work) Grow(task *Task, reply *Task) error {
	*reply = *task
	reply.Text = strings.Repeat("x", between(0, task.Number, longestText))
	return nil
}

// ---- methods that only Go has ----

type Node struct {
	Next  *Node
	Value int
}

func (Work) Walk(node *Node, reply *int) error {
	for ; node != nil; node = node.Next {
		*reply++
	}
	return nil
}

func (Work) Count(counts map[string]int, reply *int) error {
	*reply = len(counts)
	return nil
}

type Box struct{ Value any }

func (Work) Open(box *Box, reply *int) error {
	*reply = len(fmt.Sprint(box.Value))
	return nil
}

// Admin is served, but not to the callers of a gateway: resets counts the calls that got there nevertheless.
type Admin int

var resets int64

// Reset takes any struct as its argument.
func (Admin) Reset(_ struct{}, reply *int) error {
	atomic.AddInt64(&resets, 1)
	fmt.Fprintln(os.Stderr, "Admin.Reset was executed")
	return nil
}

// ---- as careless as GeeRPC ----

// careless does not read the body of an unknown method: the body becomes its next header.
type careless struct{ serverCodec }

func (c careless) ReadRequestBody(body any) error {
	if body == nil {
		return nil
	}
	return c.serverCodec.ReadRequestBody(body)
}

// WriteResponse uses GeeRPC's text for it.
func (c careless) WriteResponse(r *rpc.Response, body any) error {
	for _, words := range []string{"can't find ", "service/method request ill-formed: "} {
		if strings.HasPrefix(r.Error, "rpc: "+words) {
			r.Error = strings.Replace(r.Error, "rpc:", "rpc server:", 1)
		}
	}
	return c.serverCodec.WriteResponse(r, body)
}

// ---- a process ----

type counts struct {
	Resets int64 `json:"resets"`
}

// work serves Work as o.service, and answers each line of standard input with a line of counts. A deeply nested value
// ends the process sooner than Go's own bound would, with less memory.
func work(o *options) error {
	debug.SetMaxStack(16 << 20)
	place, err := serve(o)
	if err != nil {
		return err
	}
	fmt.Println("ready", o.network+"@"+place)
	out := json.NewEncoder(os.Stdout)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		out.Encode(&counts{atomic.LoadInt64(&resets)})
	}
	return nil
}
