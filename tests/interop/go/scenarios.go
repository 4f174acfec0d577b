// The scenarios of clients. Each scenario returns a summary, or the reason of its failure.
package main

import (
	"encoding/gob"
	"fmt"
	"io"
	"math"
	"net/rpc"
	"reflect"
	"strings"
	"sync"
	"time"
)

var scenarios = map[string]func(*options) (string, error){
	"document": document,
	"errors":   failures,
	"load":     load,
	"redial":   redial,
	"kinds":    kinds,
	"choices":  choices,
	"messages": messages,
	"close":    closing,
	"types":    manyTypes,
	"timeout":  timeout,
}

// document is the client example of net/rpc's package documentation.
func document(o *options) (string, error) {
	client, err := dial(o)
	if err != nil {
		return "", err
	}
	// Synchronous call
	args := &Args{7, 8}
	var reply int
	err = client.Call("Arith.Multiply", args, &reply)
	if err != nil {
		return "", err
	}
	// Asynchronous call
	quotient := new(Quotient)
	divCall := client.Go("Arith.Divide", args, quotient, nil)
	replyCall := <-divCall.Done // will be equal to divCall
	if replyCall != divCall || replyCall.Error != nil {
		return "", fmt.Errorf("Divide: %v", replyCall.Error)
	}
	return fmt.Sprintf("Arith: %d*%d=%d, %d/%d=%d rest %d", args.A, args.B, reply, args.A, args.B, quotient.Quo,
		quotient.Rem), client.Close()
}

// missing has Go's own texts on Go's wires, GeeRPC's on GeeRPC's.
func missing(o *options) [3]string {
	if o.protocol == "geerpc" {
		return [3]string{"rpc server: can't find service Nobody", "rpc server: can't find method Nothing",
			"rpc server: service/method request ill-formed: Arith"}
	}
	return [3]string{"rpc: can't find service Nobody.Home", "rpc: can't find method Arith.Nothing",
		"rpc: service/method request ill-formed: Arith"}
}

// failures have the server's texts, and leave the connection usable.
func failures(o *options) (string, error) {
	client, err := dial(o)
	if err != nil {
		return "", err
	}
	defer client.Close()
	words := missing(o)
	rows := []struct {
		method string
		args   any
		want   string // the beginning
	}{
		{"Arith.Divide", &Args{1, 0}, "divide by zero"},
		{"Arith.Multiply", &Args{math.MaxInt64, 2}, "9223372036854775807 * 2 overflows int64"},
		{"Nobody.Home", &Args{}, words[0]},
		{"Arith.Nothing", &Args{}, words[1]},
		{"Arith", &Args{}, words[2]},
		{"Arith.Multiply", &struct{ A string }{"x"}, "rpc server: Arith.Multiply: "},
		{"Arith.Multiply", &struct{ A float64 }{0.5}, "rpc server: Arith.Multiply: "},
	}
	for _, row := range rows {
		var ignored Quotient
		err := client.Call(row.method, row.args, &ignored)
		if _, fromServer := err.(rpc.ServerError); !fromServer || !strings.HasPrefix(err.Error(), row.want) {
			return "", fmt.Errorf("%s gave %v (%T), not %s", row.method, err, err, row.want)
		}
		var product int
		if err := client.Call("Arith.Multiply", &Args{6, 7}, &product); err != nil || product != 42 {
			return "", fmt.Errorf("after %s: %d, %v", row.method, product, err)
		}
	}
	return fmt.Sprintf("%d failures", len(rows)), nil
}

// one makes the nth of several calls, and checks its result.
func one(client *rpc.Client, n int) error {
	switch n % 4 {
	case 0:
		var product int
		err := client.Call("Arith.Multiply", &Args{n, -3}, &product)
		if err == nil && product != n*-3 {
			err = fmt.Errorf("%d * -3 = %d", n, product)
		}
		return err
	case 1:
		var quotient Quotient
		err := client.Call("Arith.Divide", Args{n, 7}, &quotient)
		if err == nil && quotient != (Quotient{n / 7, n % 7}) {
			err = fmt.Errorf("%d / 7 = %v", n, quotient)
		}
		return err
	case 2:
		err := client.Call("Arith.Divide", Args{n, 0}, &Quotient{})
		if err == nil || err.Error() != "divide by zero" {
			return fmt.Errorf("%d / 0 gave %v", n, err)
		}
		return nil
	default:
		var sum int
		err := client.Call("Foo.Sum", FooArgs{n, 1 << 40}, &sum)
		if err == nil && sum != n+1<<40 {
			err = fmt.Errorf("%d + 2^40 = %d", n, sum)
		}
		return err
	}
}

// atOnce runs work in all goroutines; the first failure is returned.
func atOnce(o *options, work func(g, n int) error) error {
	var group sync.WaitGroup
	failed := make(chan error, o.goroutines)
	for g := 0; g < o.goroutines; g++ {
		group.Add(1)
		go func(g int) {
			defer group.Done()
			for n := 0; n < o.calls; n++ {
				if err := work(g, n); err != nil {
					failed <- fmt.Errorf("goroutine %d, call %d: %w", g, n, err)
					return
				}
			}
		}(g)
	}
	group.Wait()
	close(failed)
	return <-failed
}

// load has many goroutines on one connection.
func load(o *options) (string, error) {
	client, err := dial(o)
	if err != nil {
		return "", err
	}
	defer client.Close()
	err = atOnce(o, func(g, n int) error { return one(client, g*o.calls+n) })
	return fmt.Sprintf("%d calls", o.goroutines*o.calls), err
}

// redial makes a connection for each call, which follows at once.
func redial(o *options) (string, error) {
	err := atOnce(o, func(g, n int) error {
		client, err := dial(o)
		if err != nil {
			return err
		}
		defer client.Close()
		return one(client, g*o.calls+n)
	})
	return fmt.Sprintf("%d connections", o.goroutines*o.calls), err
}

func samples() []Everything {
	long := strings.Repeat("0123456789abcdef", 1<<16)
	return []Everything{
		{},
		{Flag: true, Int: math.MaxInt64, Small: math.MaxInt32, Uint: math.MaxUint64, Word: math.MaxUint32, Double: math.MaxFloat64,
			Float: math.MaxFloat32, Text: long, Bytes: []byte{0, 1, 0xff}, Numbers: []int64{0, -1, math.MinInt64},
			Texts: []string{"", "a\x00b", "\u00e9\U0001f600"}, Items: []Item{{"one", 1}, {}, {"minus", -1}},
			Rows: [][]float64{{1, 2.5}, nil, {-0.125}}, Counts: map[string]int64{"": 0, "a": 1, "b": -1},
			Named: map[string]Item{"x": {"y", 7}, "": {}}, Inner: Item{"inner", 3}, Maybe: &Item{"maybe", 4}},
		{Int: math.MinInt64, Small: math.MinInt32, Double: math.SmallestNonzeroFloat64, Float: -math.SmallestNonzeroFloat32,
			Bytes: make([]byte, 100000), Numbers: make([]int64, 10000), Inner: Item{Count: -1},
			Color: Green, Point: [3]float64{0, -1.5, 0}, Pair: [2]Item{{}, {"second", 2}}},
	}
}

func notFinite() []Everything {
	return []Everything{
		{Double: math.NaN()},
		{Double: math.Inf(1), Float: float32(math.Inf(-1)), Rows: [][]float64{{math.Inf(-1)}, {math.Copysign(0, -1)}}},
	}
}

func keyed() Everything {
	words := map[uint32]Item{}
	for n := uint32(0); n < 1000; n++ {
		words[n*0x9e3779b9] = Item{fmt.Sprint(n), int64(n)}
	}
	return Everything{
		Color: Far, ByNumber: map[int64]string{math.MinInt64: "least", 0: "", math.MaxInt64: "most"},
		ByWord: words, ByFlag: map[bool]Color{false: Green, true: Red},
		Point: [3]float64{math.Inf(1), 0, -0.5}, Pair: [2]Item{{"first", 1}, {}},
	}
}

// same compares; an empty slice or map equals none, and NaN equals NaN.
func same(a, b *Everything) bool {
	x, y := plain(*a), plain(*b)
	if math.IsNaN(x.Double) && math.IsNaN(y.Double) {
		x.Double, y.Double = 0, 0
	}
	return reflect.DeepEqual(x, y)
}

func plain(e Everything) Everything {
	fields := reflect.ValueOf(&e).Elem()
	for i := 0; i < fields.NumField(); i++ {
		field := fields.Field(i)
		if kind := field.Kind(); (kind == reflect.Slice || kind == reflect.Map) && field.Len() == 0 {
			field.Set(reflect.Zero(field.Type()))
		}
	}
	rows := e.Rows
	e.Rows = nil
	for _, row := range rows {
		e.Rows = append(e.Rows, append([]float64{}, row...))
	}
	return e
}

// kinds go there and back unchanged.
func kinds(o *options) (string, error) {
	client, err := dial(o)
	if err != nil {
		return "", err
	}
	defer client.Close()
	all := samples()
	if o.protocol == "netrpc" || o.protocol == "geerpc" && o.codec == "gob" {
		all = append(append(all, notFinite()...), keyed())
	}
	for i := range all {
		var reply Everything
		if err := client.Call("Kinds.Echo", &all[i], &reply); err != nil {
			return "", fmt.Errorf("sample %d: %w", i, err)
		}
		if !same(&all[i], &reply) {
			return "", fmt.Errorf("sample %d: %+v came back as %+v", i, all[i], reply)
		}
	}
	var text string
	if err := client.Call("Kinds.Text", "a\x00\u20ac", &text); err != nil || text != "a\x00\u20ac" {
		return "", fmt.Errorf("text: %q, %v", text, err)
	}
	var numbers []int64
	if err := client.Call("Kinds.Numbers", []int64{math.MinInt64, 0, math.MaxInt64}, &numbers); err != nil ||
		!reflect.DeepEqual(numbers, []int64{math.MinInt64, 0, math.MaxInt64}) {
		return "", fmt.Errorf("numbers: %v, %v", numbers, err)
	}
	var counts map[string]int64
	if err := client.Call("Kinds.Counts", map[string]int64{"a": 1, "": -2}, &counts); err != nil ||
		!reflect.DeepEqual(counts, map[string]int64{"a": 1, "": -2}) {
		return "", fmt.Errorf("counts: %v, %v", counts, err)
	}
	return fmt.Sprintf("%d samples", len(all)), nil
}

// choices are messages of a .proto: in a oneof, a zero is told from nothing.
func choices(o *options) (string, error) {
	client, err := dial(o)
	if err != nil {
		return "", err
	}
	defer client.Close()
	zero, five, empty, text := int64(0), int64(5), "", "text"
	rows := []struct{ sent, want Choice }{
		{Choice{FirstName: "a", Line_2: -1, Number: &five}, Choice{FirstName: "a", Line_2: -1, Number: &five}},
		{Choice{String_: &text}, Choice{String_: &text}},
		{Choice{XItem: &Item{"x", 1}}, Choice{XItem: &Item{"x", 1}}},
		{Choice{XItem: &Item{}}, Choice{XItem: &Item{}}},
		{Choice{Number: &five, String_: &text}, Choice{String_: &text}}, // the last
		{Choice{FirstName: "number"}, Choice{FirstName: "number", Number: &zero}},
		{Choice{FirstName: "string"}, Choice{FirstName: "string", String_: &empty}},
		{Choice{FirstName: "_item"}, Choice{FirstName: "_item"}},
		{Choice{}, Choice{}},
	}
	for i, row := range rows {
		var reply Choice
		if err := client.Call("Kinds.Choose", &row.sent, &reply); err != nil || !reflect.DeepEqual(reply, row.want) {
			return "", fmt.Errorf("choice %d: %+v gave %+v, %v", i, row.sent, reply, err)
		}
	}
	return fmt.Sprintf("%d choices", len(rows)), nil
}

// Number is what protoc-gen-go makes of numbers.v1.Number.
type Number struct {
	Value  int64
	Note   *string
	Parity int32
}

// messages are calls of services whose C is made from a .proto.
func messages(o *options) (string, error) {
	client, err := dial(o)
	if err != nil {
		return "", err
	}
	defer client.Close()
	var product struct{ Result int32 }
	if err := client.Call("CalculatorService.Multiply", &struct{ A, B int32 }{3, 4}, &product); err != nil || product.Result != 12 {
		return "", fmt.Errorf("3 * 4 = %d, %v", product.Result, err)
	}
	note := "of three"
	rows := []struct{ sent, want Number }{
		{Number{Value: -3, Note: &note}, Number{Value: 9, Note: &note, Parity: 1}},
		{Number{Value: 2}, Number{Value: 4}},
	}
	for _, row := range rows {
		var square Number
		if err := client.Call("numbers.v1.Numbers.Square", &row.sent, &square); err != nil || !reflect.DeepEqual(square, row.want) {
			return "", fmt.Errorf("the square of %+v is %+v, %v", row.sent, square, err)
		}
	}
	return fmt.Sprintf("%d messages", 1+len(rows)), nil
}

// closing is a Close in the middle of a call: the call fails here, and the server is not affected.
func closing(o *options) (string, error) {
	for i := 0; i < 20; i++ {
		client, err := dial(o)
		if err != nil {
			return "", err
		}
		pending := client.Go("Foo.Sleep", FooArgs{1, 2}, new(int), nil)
		if i%2 == 0 {
			if err := one(client, i); err != nil {
				return "", err
			}
		}
		if err := client.Close(); err != nil {
			return "", err
		}
		call := <-pending.Done
		if _, fromServer := call.Error.(rpc.ServerError); call.Error == nil || fromServer {
			return "", fmt.Errorf("the pending call gave %v", call.Error)
		}
	}
	client, err := dial(o)
	if err != nil {
		return "", err
	}
	defer client.Close()
	return "20 closed", one(client, 1)
}

// manyTypes makes the gob of this process give out thousands of ids before the first type of a call, so that the ids
// have three bytes. The cost of sent types grows with the square of their number, so these types, once they have ids,
// are refused for the channel beside them.
func manyTypes(o *options) (string, error) {
	const count = 9000
	slices := reflect.TypeOf(0)
	for i := 0; i < count; i++ {
		slices = reflect.SliceOf(slices)
	}
	refused := reflect.StructOf([]reflect.StructField{
		{Name: "Slices", Type: slices},
		{Name: "Channel", Type: reflect.TypeOf([1]chan int{})},
	})
	if err := gob.NewEncoder(io.Discard).EncodeValue(reflect.New(refused)); err == nil {
		return "", fmt.Errorf("gob took a channel")
	}
	client, err := dial(o)
	if err != nil {
		return "", err
	}
	defer client.Close()
	for n := 0; n < 100; n++ {
		if err := one(client, n); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d types", count), nil
}

// timeout is the handle timeout of the Option: 100 ms, while other calls go on.
func timeout(o *options) (string, error) {
	o.handleTimeout = 100 * time.Millisecond
	client, err := dial(o)
	if err != nil {
		return "", err
	}
	defer client.Close()
	began := time.Now()
	late := client.Go("Foo.Sleep", FooArgs{2, 2}, new(int), nil)
	for n := 0; n < 100; n++ {
		if err := one(client, n); err != nil {
			return "", err
		}
	}
	call := <-late.Done
	took := time.Since(began)
	if call.Error == nil || call.Error.Error() != "rpc server: request handle timeout: expect within 100ms" {
		return "", fmt.Errorf("Foo.Sleep gave %v", call.Error)
	}
	if took < 90*time.Millisecond || took > 1900*time.Millisecond {
		return "", fmt.Errorf("the timeout came after %v", took)
	}
	return "timed out", one(client, 3)
}
