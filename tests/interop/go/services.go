// The services of both sides: those of net/rpc's documentation and of GeeRPC's main, and a service with a value of
// every kind.
package main

import (
	"encoding/json"
	"errors"
	"time"
)

type Args struct{ A, B int }
type Quotient struct{ Quo, Rem int }
type Arith int

func (*Arith) Multiply(args *Args, reply *int) error {
	*reply = args.A * args.B
	return nil
}

func (*Arith) Divide(args *Args, quo *Quotient) error {
	if args.B == 0 {
		return errors.New("divide by zero")
	}
	*quo = Quotient{args.A / args.B, args.A % args.B}
	return nil
}

type FooArgs struct{ Num1, Num2 int }
type Foo int

func (Foo) Sum(args FooArgs, reply *int) error {
	*reply = args.Num1 + args.Num2
	return nil
}

func (f Foo) Sleep(args FooArgs, reply *int) error {
	time.Sleep(time.Second * time.Duration(args.Num1))
	return f.Sum(args, reply)
}

type Item struct {
	Name  string
	Count int64
}

type Color int32

const (
	Red   Color = 0
	Green Color = 5
	Far   Color = -2000000000
)

// UnmarshalJSON takes a number, or a name as ProtoJSON has it.
func (c *Color) UnmarshalJSON(text []byte) error {
	names := map[string]Color{`"RED"`: Red, `"GREEN"`: Green, `"FAR"`: Far}
	if color, named := names[string(text)]; named {
		*c = color
		return nil
	}
	return json.Unmarshal(text, (*int32)(c))
}

type Everything struct {
	Flag     bool
	Int      int64
	Small    int32
	Uint     uint64
	Word     uint32
	Double   float64
	Float    float32
	Text     string
	Bytes    []byte
	Numbers  []int64
	Texts    []string
	Items    []Item
	Rows     [][]float64
	Counts   map[string]int64
	Named    map[string]Item
	Inner    Item
	Maybe    *Item
	Color    Color
	ByNumber map[int64]string
	ByWord   map[uint32]Item
	ByFlag   map[bool]Color `json:"-"` // encoding/json has no such keys
	Point    [3]float64
	Pair     [2]Item
}

// Choice is what protoc-gen-go would make of
//
//	message Choice { string first_name = 1; int64 line_2 = 2; oneof is { int64 number = 3; string string = 4; Item _item = 5; } }
//
// but for the oneof, whose interface gob does not take: pointers have its members.
type Choice struct {
	FirstName string
	Line_2    int64
	Number    *int64
	String_   *string
	XItem     *Item
}

type Kinds int

func (Kinds) Echo(everything *Everything, reply *Everything) error {
	*reply = *everything
	return nil
}

func (Kinds) Text(text string, reply *string) error {
	*reply = text
	return nil
}

// Refuse quotes bytes that are not UTF-8, which a string in Go may have.
func (Kinds) Refuse(text string, reply *string) error {
	return errors.New("refused: \xff\xfe " + text)
}

func (Kinds) Numbers(numbers []int64, reply *[]int64) error {
	*reply = numbers
	return nil
}

func (Kinds) Counts(counts map[string]int64, reply *map[string]int64) error {
	*reply = counts
	return nil
}

// Nils answers with that many nil interface values.
func (Kinds) Nils(numbers []int64, reply *[]any) error {
	*reply = make([]any, len(numbers))
	return nil
}
