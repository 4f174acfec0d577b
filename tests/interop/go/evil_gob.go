// The hostile neighbour's requests in gob, as bytes, since encoding/gob writes none of them.
package main

import (
	"fmt"
	"math/bits"
	"strings"
)

// Ids of types that gob has from the beginning.
const (
	gobBool, gobInt, gobUint, gobFloat = 1, 2, 3, 4
	gobBytes, gobString, gobComplex    = 5, 6, 7
	gobInterface                       = 8
)

type gobState struct {
	header   string // the name of its type
	headerID int    // 0: not defined yet
	next     int    // id of a type
}

// ---- encoding ----

func gUint(n uint64) []byte {
	if n < 128 {
		return []byte{byte(n)}
	}
	length := (bits.Len64(n) + 7) / 8
	out := []byte{byte(-length)}
	for length--; length >= 0; length-- {
		out = append(out, byte(n>>(8*length)))
	}
	return out
}

func gInt(n int64) []byte { return gUint(uint64(n<<1) ^ uint64(n>>63)) }

func gText(s string) []byte { return append(gUint(uint64(len(s))), s...) }

func join(parts ...[]byte) []byte {
	var out []byte
	for _, part := range parts {
		out = append(out, part...)
	}
	return out
}

func gMessage(parts ...[]byte) []byte {
	content := join(parts...)
	return append(gUint(uint64(len(content))), content...)
}

// gValue is the message of a value: the fields of a struct, or any other value itself.
func gValue(id int, isStruct bool, value []byte) []byte {
	if isStruct {
		return gMessage(gInt(int64(id)), value)
	}
	return gMessage(gInt(int64(id)), []byte{0}, value)
}

// ---- types ----

type gobKind int

const (
	builtIn gobKind = iota
	array
	slice
	structure
	mapping
	gobEncoder // of a type that is a GobEncoder: bytes
)

type gobField struct {
	name string
	of   *gobType
}

type gobType struct {
	id        int
	kind      gobKind
	name      string
	fields    []gobField
	elem, key *gobType
	length    int
}

func builtin(id int) *gobType { return &gobType{id: id} }

func (s *session) newID() int {
	s.gob.next++
	return s.gob.next - 1
}

// common is the CommonType of a definition.
func (t *gobType) common() []byte {
	if t.name == "" {
		return join([]byte{1, 2}, gInt(int64(t.id)), []byte{0})
	}
	return join([]byte{1, 1}, gText(t.name), []byte{1}, gInt(int64(t.id)), []byte{0})
}

// definition is the message that defines t alone.
func (t *gobType) definition() []byte {
	var body []byte
	switch t.kind {
	case array:
		body = join(t.common(), []byte{1}, gInt(int64(t.elem.id)), []byte{1}, gInt(int64(t.length)))
	case slice:
		body = join(t.common(), []byte{1}, gInt(int64(t.elem.id)))
	case structure:
		body = join(t.common(), []byte{1}, gUint(uint64(len(t.fields))))
		for _, field := range t.fields {
			body = join(body, []byte{1}, gText(field.name), []byte{1}, gInt(int64(field.of.id)), []byte{0})
		}
	case mapping:
		body = join(t.common(), []byte{1}, gInt(int64(t.key.id)), []byte{1}, gInt(int64(t.elem.id)))
	case gobEncoder:
		body = t.common()
	}
	return gMessage(gInt(int64(-t.id)), gUint(uint64(t.kind)), body, []byte{0, 0})
}

func (s *session) structOf(name string, fields ...gobField) *gobType {
	return &gobType{id: s.newID(), kind: structure, name: name, fields: fields}
}

// taskType is the type of Task, and of Args and FooArgs, with more fields.
func (s *session) taskType(more ...gobField) *gobType {
	number := builtin(gobInt)
	fields := []gobField{{"Token", number}, {"Text", builtin(gobString)}, {"Number", number}, {"A", number}, {"B",
		number}, {"Num1", number}}
	return s.structOf("Task", append(fields, more...)...)
}

var taskValue = join([]byte{1}, gInt(7), []byte{1}, gText("hostile"), []byte{1}, gInt(9), []byte{1}, gInt(2),
	[]byte{1}, gInt(3), []byte{1}, gInt(4))

// anyType is a type of any kind; its definitions are added to *out, some of them behind their first use.
func (s *session) anyType(depth int, out *[]byte) *gobType {
	if depth == 0 || s.chance(30) {
		return builtin(1 + s.below(8))
	}
	t := &gobType{kind: gobKind(1 + s.below(5)), name: pick(&s.dice, "T", "", "Task", s.text())}
	t.id = s.newID()
	early := s.chance(20)
	if early {
		t.elem, t.key = builtin(gobInt), builtin(gobString)
	}
	switch t.kind {
	case structure:
		for n := s.below(6); n > 0; n-- {
			of := t // recursive
			if !s.chance(15) {
				of = s.anyType(depth-1, out)
			}
			t.fields = append(t.fields, gobField{pick(&s.dice, "Token", "Text", "Number", "Next", "Value", "X",
				fmt.Sprint("F", n)), of})
		}
	case array, slice:
		t.length = s.below(5)
		t.elem = s.anyType(depth-1, out)
	case mapping:
		t.key, t.elem = s.anyType(depth-1, out), s.anyType(depth-1, out)
	}
	*out = append(*out, t.definition()...)
	return t
}

// ---- values ----

// manner says how far values are from well-formed, in percent.
type manner struct{ nils, lies int }

func (s *session) count(n int, m manner) []byte {
	if s.chance(m.lies) {
		return gUint(uint64(pick(&s.dice, 0x40000000, 1<<31, 1<<32, 1<<62, -1, int64(n+1), int64(s.roll()))))
	}
	return gUint(uint64(n))
}

func (s *session) builtinValue(id int, m manner) []byte {
	switch id {
	case gobBool:
		return gUint(uint64(pick(&s.dice, 0, 1, 1, 2)))
	case gobInt:
		return gInt(s.integer())
	case gobUint, gobFloat:
		return gUint(uint64(s.integer()))
	case gobComplex:
		return join(gUint(s.roll()), gUint(s.roll()))
	case gobInterface:
		return s.interfaceValue(m)
	}
	text := s.text()
	return append(s.count(len(text), m), text...)
}

func (s *session) interfaceValue(m manner) []byte {
	if s.chance(m.nils) {
		return []byte{0}
	}
	name, id, value := "int", gobInt, gInt(5)
	switch s.below(4) {
	case 0:
		name, id, value = "string", gobString, gText(s.text())
	case 1:
		name = pick(&s.dice, "main.Task", "Unknown", "interface {}", strings.Repeat("n", s.size(3000)))
	case 2:
		id = pick(&s.dice, gobInterface, 0, -5, 64, 65, s.gob.next-1, 1<<40)
	}
	if s.chance(m.lies) {
		return join(s.count(len(name), m), []byte(name), gInt(int64(id)), s.count(len(value)+1, m), []byte{0}, value)
	}
	return join(gText(name), gInt(int64(id)), gUint(uint64(len(value)+1)), []byte{0}, value)
}

// value is a value of type t. Parts below `depth` are left out where possible, and zero elsewhere.
func (s *session) value(t *gobType, depth int, m manner) []byte {
	var out []byte
	switch t.kind {
	case builtIn:
		return s.builtinValue(t.id, m)
	case gobEncoder:
		return s.builtinValue(gobBytes, m)
	case structure:
		delta := 1
		for _, field := range t.fields {
			if depth <= 0 || s.chance(20) {
				delta++
				continue
			}
			out = join(out, gUint(uint64(delta)), s.value(field.of, depth-1, m))
			delta = 1
		}
		if s.chance(m.lies) {
			out = join(out, gUint(uint64(pick(&s.dice, 1<<62, -1, 100))), []byte{1})
		}
		return append(out, 0)
	}
	n := t.length
	if t.kind != array {
		n = s.below(4)
	}
	if depth <= 0 && t.kind != array {
		n = 0
	}
	out = s.count(n, m)
	for ; n > 0; n-- {
		if t.kind == mapping {
			out = append(out, s.value(t.key, depth-1, m)...)
		}
		out = append(out, s.value(t.elem, depth-1, m)...)
	}
	return out
}

// ---- requests ----

// gobCall is one call, whose body is complete in whole messages.
func (s *session) gobCall(method string, body ...[]byte) {
	s.gobHeader(method, s.seq+1)
	s.add(body...)
}

func (s *session) gobHeader(method string, seq uint64) {
	s.begin()
	if s.gob.headerID == 0 {
		s.gob.headerID = s.newID()
		fields := []gobField{{"ServiceMethod", builtin(gobString)}, {"Seq", builtin(gobUint)}}
		if s.gob.header == "Header" {
			fields = append(fields, gobField{"Error", builtin(gobString)})
		}
		s.add((&gobType{id: s.gob.headerID, kind: structure, name: s.gob.header, fields: fields}).definition())
	}
	s.add(gMessage(gInt(int64(s.gob.headerID)), []byte{1}, gText(method), []byte{1}, gUint(seq), []byte{0}))
}

// gobTask is a task with a type of its own.
func (s *session) gobTask() []byte {
	t := s.taskType()
	return join(t.definition(), gValue(t.id, true, append(taskValue, 0)))
}

func (s *session) gobWithTask(method string) { s.gobCall(method, s.gobTask()) }

func (s *session) gobPlain() { s.gobWithTask(s.known()) }

func (s *session) gobTypo() { s.gobWithTask(s.typo()) }

func (s *session) gobSecret() { s.gobWithTask(s.secret()) }

// headerLike is a body that can be read as the header of a request.
func (s *session) headerLike() []byte {
	fields := []gobField{{"ServiceMethod", builtin(gobString)}, {"Seq", builtin(gobUint)}}
	value := join([]byte{1}, gText("Admin.Reset"), []byte{1}, gUint(uint64(s.below(100))))
	if s.chance(30) {
		fields, value = append(fields, gobField{"Error", builtin(gobString)}), join(value, []byte{1}, gText("forged"))
	}
	t := s.structOf(pick(&s.dice, "Request", "Header", "Response"), fields...)
	return join(t.definition(), gValue(t.id, true, append(value, 0)))
}

func (s *session) gobHeaders() {
	s.gobCall(s.method(), s.headerLike())
	if s.chance(20) {
		s.add(s.headerLike())
	}
}

// gobNilInterface has a nil interface at some place, and a header behind.
func (s *session) gobNilInterface() {
	none := builtin(gobInterface)
	var body []byte
	switch s.below(7) {
	case 0:
		body = gValue(gobInterface, false, []byte{0})
	case 1:
		t := s.structOf("Box", gobField{"Value", none})
		body = join(t.definition(), gValue(t.id, true, []byte{1, 0, 0}))
	case 2:
		t := &gobType{id: s.newID(), kind: slice, elem: none}
		body = join(t.definition(), gValue(t.id, false, []byte{2, 0, 0}))
	case 3:
		t := &gobType{id: s.newID(), kind: mapping, key: builtin(gobString), elem: none}
		body = join(t.definition(), gValue(t.id, false, join([]byte{1}, gText("a"), []byte{0})))
	case 4: // a field that the server does not have
		t := s.taskType(gobField{"Unknown", none})
		body = join(t.definition(), gValue(t.id, true, join(taskValue, []byte{1, 0, 0})))
	case 5: // deeper
		inner := s.structOf("Inner", gobField{"Value", none})
		list := &gobType{id: s.newID(), kind: slice, elem: inner}
		t := s.taskType(gobField{"Unknown", list})
		body = join(inner.definition(), list.definition(), t.definition(), gValue(t.id, true, join(taskValue,
			[]byte{1, 2, 1, 0, 0, 1, 0, 0, 0})))
	case 6:
		t := &gobType{id: s.newID(), kind: array, elem: none, length: 1}
		body = join(t.definition(), gValue(t.id, false, []byte{1, 0}))
	}
	s.gobCall(s.method(), body)
	for n := s.below(3); n > 0; n-- {
		s.gobHeaders()
	}
}

func (s *session) gobValues() {
	var body []byte
	t := s.anyType(4, &body)
	if s.chance(40) { // beside the fields that the server knows
		inner := t
		t = s.taskType(gobField{"Other", inner})
		body = join(body, t.definition(), gValue(t.id, true, join(taskValue, []byte{1}, s.value(inner, 5,
			manner{nils: 20}), []byte{0})))
	} else {
		body = append(body, gValue(t.id, t.kind == structure, s.value(t, 5, manner{nils: 20}))...)
	}
	s.gobCall(s.method(), body)
}

// gobClaims claims more than it sends.
func (s *session) gobClaims() {
	m := manner{nils: 5, lies: 20}
	var body []byte
	switch s.below(8) {
	case 0:
		t := &gobType{id: s.newID(), kind: mapping, key: builtin(gobString), elem: builtin(gobInt)}
		body = join(t.definition(), gValue(t.id, false, join(gUint(0x40000000), gText("a"), []byte{2})))
		s.gobCall(s.work()+".Count", body)
		return
	case 1:
		t := &gobType{id: s.newID(), kind: slice, elem: builtin(pick(&s.dice, gobInt, gobString, gobInterface))}
		body = join(t.definition(), gValue(t.id, false, s.count(1, manner{lies: 100})))
	case 2: // a list without elements
		empty := s.structOf("Empty")
		t := &gobType{id: s.newID(), kind: slice, elem: empty}
		body = join(empty.definition(), t.definition(), gValue(t.id, false, join(gUint(uint64(s.size(1<<22))),
			make([]byte, s.size(5000)))))
	case 3: // bytes behind the value
		t := s.taskType()
		body = join(t.definition(), gValue(t.id, true, join(taskValue, []byte{0}, []byte(s.text()))))
	case 4: // a type that is not defined, or is no type
		body = gMessage(gInt(int64(pick(&s.dice, 0, 9, 15, 16, 22, 23, 63, 64, s.gob.next, 1<<20, 1<<40))), []byte{0,
			0})
	case 5: // a message that ends in the middle
		t := s.taskType()
		body = join(t.definition(), gMessage(gInt(int64(t.id)), taskValue[:s.below(len(taskValue))]))
	case 6:
		body = pick(&s.dice, []byte{0}, []byte{1, 0}, []byte{1, 4}, []byte{0xf7, 1, 2, 3}, []byte{0xff, 0},
			[]byte{0xf8, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	case 7:
		t := s.anyType(3, &body)
		body = append(body, gValue(t.id, t.kind == structure, s.value(t, 4, m))...)
	}
	s.gobCall(s.method(), body)
}

// gobDefinitions has many types, and few values.
func (s *session) gobDefinitions() {
	method := s.method()
	switch s.below(6) {
	case 0: // alone, and the header of another call behind
		var body []byte
		s.anyType(4, &body)
		s.gobCall(method, body)
	case 1: // one type a call, again and again
		for n := s.below(pick(&s.dice, 20, 100, 600)); n > 0; n-- {
			t := s.structOf(fmt.Sprintf("Alternating%d", n), gobField{fmt.Sprint("F", n), builtin(gobInt)},
				gobField{"Token", builtin(gobInt)})
			s.gobCall(method, t.definition(), gValue(t.id, true, []byte{1, 2, 1, 4, 0}))
		}
	case 2: // a long one
		t := s.structOf("T"+strings.Repeat("A", s.size(200000)), gobField{"X", builtin(gobInt)})
		s.gobCall(method, t.definition(), gValue(t.id, true, []byte{1, 4, 0}))
	case 3: // of many fields
		t := s.structOf("Wide")
		for n := s.size(8000); n >= 0; n-- {
			t.fields = append(t.fields, gobField{fmt.Sprint("f", n), builtin(gobInt)})
		}
		s.gobCall(method, t.definition(), gValue(t.id, true, []byte{1, 4, 0}))
	case 4: // twice, or with an id of gob's own
		t := s.taskType()
		t.id = pick(&s.dice, s.gob.headerID, s.gob.next-1, gobInt, gobInterface, 16, 23, 64, 1<<40)
		s.gobCall(method, t.definition(), gValue(t.id, true, append(taskValue, 0)))
	case 5: // of itself, or of no type
		t := &gobType{id: s.newID(), kind: pick(&s.dice, array, slice, mapping), length: pick(&s.dice, 0, 1, -1,
			1<<40), key: builtin(gobString)}
		t.elem = pick(&s.dice, t, builtin(0), builtin(s.gob.next+5), builtin(-3), builtin(17))
		s.gobCall(method, t.definition(), gValue(t.id, false, pick(&s.dice, []byte{0}, []byte{1, 0}, []byte{1, 1, 1,
			0})))
	}
}

func (s *session) gobNames() {
	name := strings.Repeat(pick(&s.dice, "E", "é", "."), s.size(200000))
	if s.chance(60) {
		s.gobWithTask(s.service() + "." + name)
		return
	}
	t := s.structOf("Task", gobField{name, builtin(gobInt)})
	s.gobCall(s.known(), t.definition(), gValue(t.id, true, []byte{1, 4, 0}))
}

func (s *session) gobOversized() {
	length := 200000 + s.below(700000)
	t := s.structOf("Task", gobField{"Text", builtin(gobString)}, gobField{"Number", builtin(gobInt)})
	if s.chance(30) { // the reply is
		s.gobCall(s.work()+".Grow", t.definition(), gValue(t.id, true, join([]byte{2}, gInt(int64(length)),
			[]byte{0})))
		return
	}
	text := strings.Repeat("x", length)
	s.gobCall(s.method(), t.definition(), gValue(t.id, true, join([]byte{1}, gText(text), []byte{0})))
	if s.chance(50) { // its type again
		s.gobCall(s.known(), gValue(t.id, true, []byte{1, 1, 'x', 0}))
	}
}

func (s *session) gobNested() {
	levels := pick(&s.dice, 90, 98, 99, 100, 101, 102, s.size(100000))
	node := s.structOf("Node", gobField{"Next", nil}, gobField{"Value", builtin(gobInt)})
	node.fields[0].of = node
	value := append([]byte(strings.Repeat("\x01", levels)), make([]byte, levels+1)...)
	body := join(node.definition(), gValue(node.id, true, value))
	if s.chance(30) { // in lists of itself
		list := &gobType{id: s.newID(), kind: slice}
		list.elem = list
		body = join(list.definition(), gValue(list.id, false, append([]byte(strings.Repeat("\x01", levels)), 0)))
	} else if s.chance(30) { // where the server does not know it
		t := s.taskType(gobField{"Other", node})
		body = join(node.definition(), t.definition(), gValue(t.id, true, join(taskValue, []byte{1}, value,
			[]byte{0})))
	}
	s.gobCall(pick(&s.dice, s.work()+".Walk", s.method()), body)
}

// gobTimes: the wire has no deadlines; a caller that leaves while its calls are in flight comes closest to one.
func (s *session) gobTimes() {
	for n := s.below(20); n >= 0; n-- {
		s.gobWithTask(s.service() + ".Wait")
	}
}

func (s *session) gobTexts() {
	switch s.below(3) {
	case 0:
		s.gobWithTask(s.service() + "." + s.text())
	case 1:
		s.gobWithTask(s.text())
	case 2:
		t := s.structOf("Task", gobField{"Text", builtin(gobString)})
		s.gobCall(s.work()+".Fail", t.definition(), gValue(t.id, true, join([]byte{1}, gText(s.text()), []byte{0})))
	}
}

func (s *session) gobIds() {
	s.gobHeader(s.method(), uint64(pick(&s.dice, int64(1), 1, 0, -1, 1<<63-1)))
	s.add(s.gobTask())
}

// gobNonsense has headers that are not headers.
func (s *session) gobNonsense() {
	s.gobHeader(s.known(), s.seq)
	id := int64(s.gob.headerID)
	switch s.below(5) {
	case 0: // no body
	case 1: // an empty one
		s.add(s.gobTask(), gMessage(gInt(id), []byte{0}), s.gobTask())
	case 2: // of another type
		s.add(s.gobTask(), s.gobTask(), s.gobTask())
	case 3:
		s.add(s.gobTask(), gValue(gobString, false, gText("Net.Echo")), s.gobTask())
	case 4: // a field too many
		s.add(s.gobTask(), gMessage(gInt(id), []byte{1}, gText("Net.Echo"), []byte{1, 1, 9, 1, 0}), s.gobTask())
	}
}

func (s *session) gobBurst() {
	t := s.taskType()
	s.gobCall(s.known(), t.definition(), gValue(t.id, true, append(taskValue, 0)))
	for n := s.below(100); n > 0; n-- {
		s.gobCall(s.known(), gValue(t.id, true, append(taskValue, 0)))
	}
}

func (s *session) gobFlood() {
	s.deaf = true
	t := s.structOf("Task", gobField{"Number", builtin(gobInt)})
	definition := t.definition()
	for n := s.below(20); n >= 0; n-- {
		s.gobCall(s.work()+".Grow", definition, gValue(t.id, true, join([]byte{1}, gInt(int64(s.size(240000))),
			[]byte{0})))
		definition = nil
	}
}
