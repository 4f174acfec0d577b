// gob_values: what Go's encoding/gob writes for all kinds of values, and what it reads of what geerpc writes.
//
//	gob_values write [-types N]   prints "NAME HEX" for each case; N types are known to gob before the first
//	gob_values mirror PROGRAM     hands each case to PROGRAM on its standard input, decodes what comes back, compares
//
// PROGRAM reads gob values of type All and writes each as gob again: tests/unit/codec_gob_go_test mirror.
package main

import (
	"bytes"
	"encoding/gob"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"math"
	"net/url"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"time"
)

type Inner struct {
	ID    int64
	Label string
	Marks []int32
}

// All has every kind that geerpc's types have. The mirror has a C structure with these names.
type All struct {
	Flag   bool
	I32    int32
	I64    int64
	U32    uint32
	U64    uint64
	F32    float32
	F64    float64
	S      string
	B      []byte
	In     Inner
	List   []int64
	Words  []string
	Inners []Inner
	Array  [3]int64
	M      map[string]int64
	MI     map[string]Inner
	P      *int64
	PP     **string
	PI     *Inner
	Floats []float64
	Matrix [][]float64
	Flags  []bool
	Blobs  [][]byte
}

// Odd has what geerpc cannot read, between what it can.
type Odd struct {
	Before   int
	Complex  complex128
	Complexs []complex64
	Time     time.Time
	URL      *url.URL
	ByInt    map[int]string
	Nil      interface{}
	Iface    interface{}
	Deep     interface{}
	Ifaces   []interface{}
	After    string
}

type Shape struct{ Sides int }
type Box struct{ Inside interface{} }
type Tree struct {
	Value       int
	Left, Right *Tree
	Others      []Tree
}

type Header struct {
	ServiceMethod string
	Seq           uint64
	Error         string
}
type Args struct{ A, B int }

func number(n int64) *int64 { return &n }
func text(s string) **string {
	p := &s
	return &p
}

var cases = []struct {
	name   string
	values []interface{}
}{
	{"header", []interface{}{Header{"Arith.Multiply", 1, ""}, Args{7, 8}, Header{"Arith.Multiply", 2, ""}, Args{-1, 0}}},
	{"empty", []interface{}{struct{}{}, struct{}{}}},
	{"scalars", []interface{}{true, int64(-129), uint64(256), 17.0, "text", []byte{1, 2, 3}, []int{1, 2}, map[string]int{"a": 1}, [2]bool{true, false}}},
	{"all_zero", []interface{}{All{}}},
	{"all", []interface{}{full()}},
	{"odd", []interface{}{Odd{Before: 1, After: "x"}, odd()}},
	{"tree", []interface{}{Tree{Value: 1, Left: &Tree{Value: 2}, Others: []Tree{{Value: 3}, {Value: 4, Right: &Tree{Value: 5}}}}}},
}

func full() All {
	return All{
		Flag: true, I32: math.MinInt32, I64: math.MinInt64, U32: math.MaxUint32, U64: math.MaxUint64,
		F32: 0.1, F64: -1e-7, S: "a\x00ä", B: []byte{0, 255, 128},
		In:     Inner{1, "in", []int32{0, -1, math.MaxInt32}},
		List:   []int64{0, math.MaxInt64, math.MinInt64, 9007199254740993},
		Words:  []string{"", "x"},
		Inners: []Inner{{}, {2, "two", nil}},
		Array:  [3]int64{1, 0, -1},
		M:      map[string]int64{"": 7},
		MI:     map[string]Inner{"k": {3, "three", []int32{4}}},
		P:      number(-5), PP: text("pp"), PI: &Inner{Label: "pi"},
		Floats: []float64{0, math.Inf(1), math.Inf(-1), math.MaxFloat64, 5e-324},
		Matrix: [][]float64{{1, 2}, nil, {3}},
		Flags:  []bool{true, false, true},
		Blobs:  [][]byte{{1}, nil, {2, 3}},
	}
}

func odd() Odd {
	u, _ := url.Parse("http://example.org/x?y")
	return Odd{
		Before: 2, Complex: 1 + 2i, Complexs: []complex64{1, 2i}, Time: time.Unix(1e9, 5).UTC(), URL: u,
		ByInt: map[int]string{-1: "minus"}, Iface: Shape{4}, Deep: Box{Box{Tree{Value: 9}}},
		Ifaces: []interface{}{nil, 5, "five", []string{"a"}, Shape{3}}, After: "y",
	}
}

// register makes gob give out ids, as in a process that knows many types. Types that are sent cost it time that grows with
// the square of their number, so these are refused for the channel beside them, when they have their ids.
func register(count int) {
	slices := reflect.TypeOf(0)
	for i := 0; i < count; i++ {
		slices = reflect.SliceOf(slices)
	}
	refused := reflect.StructOf([]reflect.StructField{
		{Name: "Slices", Type: slices},
		{Name: "Channel", Type: reflect.TypeOf([1]chan int{})},
	})
	if err := gob.NewEncoder(io.Discard).EncodeValue(reflect.New(refused)); err == nil {
		panic("gob took a channel")
	}
}

func write() {
	for _, c := range cases {
		var stream bytes.Buffer
		encoder := gob.NewEncoder(&stream)
		var parts []string
		for _, value := range c.values {
			if err := encoder.Encode(value); err != nil {
				fmt.Fprintln(os.Stderr, c.name, err)
				os.Exit(1)
			}
			parts = append(parts, hex.EncodeToString(stream.Bytes()))
			stream.Reset()
		}
		fmt.Println(c.name, strings.Join(parts, " "))
	}
}

// same compares as gob sees it: NaN equals NaN, empty equals nil.
func same(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Float32, reflect.Float64:
		return a.Float() == b.Float() || (a.Float() != a.Float() && b.Float() != b.Float())
	case reflect.Slice, reflect.Array:
		if a.Len() != b.Len() {
			return false
		}
		for i := 0; i < a.Len(); i++ {
			if !same(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Map:
		if a.Len() != b.Len() {
			return false
		}
		for _, key := range a.MapKeys() {
			if !b.MapIndex(key).IsValid() || !same(a.MapIndex(key), b.MapIndex(key)) {
				return false
			}
		}
		return true
	case reflect.Struct:
		for i := 0; i < a.NumField(); i++ {
			if !same(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Ptr:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return same(a.Elem(), b.Elem())
	}
	return a.Interface() == b.Interface()
}

func mirror(program string, arguments []string) {
	values := []All{
		{}, full(), {F64: math.NaN(), F32: float32(math.Inf(1)), U64: 1 << 63, I64: math.MaxInt64},
		{S: strings.Repeat("0123456789abcdef", 1<<16), B: make([]byte, 1<<20)}, full(),
		{Array: [3]int64{1, 2, 3}, M: map[string]int64{"a": 1, "b": 0, "": -1}},
	}
	command := exec.Command(program, arguments...)
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	check(err)
	output, err := command.StdoutPipe()
	check(err)
	check(command.Start())
	encoder, decoder := gob.NewEncoder(input), gob.NewDecoder(output)
	for i := range values {
		sent := make(chan error)
		go func(value All) { sent <- encoder.Encode(value) }(values[i])
		var back All
		check(decoder.Decode(&back))
		check(<-sent)
		if !same(reflect.ValueOf(values[i]), reflect.ValueOf(back)) {
			fmt.Printf("value %d: sent %+v, got %+v\n", i, values[i], back)
			os.Exit(1)
		}
	}
	check(input.Close())
	check(command.Wait())
	fmt.Println(len(values), "values came back as they were")
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func main() {
	types := flag.Int("types", 0, "how many types gob knows before the first")
	gob.Register(Shape{})
	gob.Register(Box{})
	gob.Register(Tree{})
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: gob_values write [-types N] | mirror PROGRAM [ARGUMENT...]")
		os.Exit(2)
	}
	command := os.Args[1]
	check(flag.CommandLine.Parse(os.Args[2:]))
	register(*types)
	if command == "mirror" {
		mirror(flag.Arg(0), flag.Args()[1:])
	} else {
		write()
	}
}
