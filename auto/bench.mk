# bench.mk: the rules of make bench; rules.mk includes this. What is measured, and how, stands in docs/benchmark.md.
#
#   load, floor        plain programs that are not linked with the server
#   malloc_count.so    preloaded by a server whose allocations are counted
#   grpc_server        a peer, where gRPC for C++ is installed; the peers in Go are those of tests/interop
#
# ROUNDS (5), SECONDS of a measurement (0.5), ROWS=NAME,... (all), JSON=FILE to write.

.PHONY: instructions record-instructions
instructions: all ## instructions per call on each wire, beside those recorded (callgrind)
	@$(PYTHON) tests/bench/instructions.py
record-instructions: all ## write them down for this compiler, C library and processor
	@$(PYTHON) tests/bench/instructions.py --record

.PHONY: bench bench-sweeps bench-programs bench-peers bench-server bench-streams
BENCH_OPTIONS = $(if $(ROUNDS),--rounds '$(ROUNDS)') $(if $(SECONDS),--seconds '$(SECONDS)') \
                $(if $(ROWS),--rows '$(ROWS)') $(if $(JSON),--json '$(JSON)')
bench: all bench-programs ## cost per call, beside other servers; ROUNDS, SECONDS, ROWS, JSON
	@$(PYTHON) tests/bench/run $(BENCH_OPTIONS)
bench-sweeps: all bench-programs ## payloads, connections, methods, allocations, stopped readers; SWEEPS=NAME,...
	@$(PYTHON) tests/bench/run $(BENCH_OPTIONS) --sweep '$(or $(SWEEPS),all)'
bench-programs: $(addprefix $B/bench/,load floor malloc_count.so)

BENCH_COMPILE := $(CC) $(LANGUAGE_FLAGS) -O2 -g $(WARNINGS) -DNDEBUG -Isrc -Isrc/core -I$B -Itests/bench
# To seal what it says, the generator has the Noise machine alone.
BENCH_SEAL    := $(if $(filter src/modules/seal_noise,$(SERVER_MODULES)),\
                 $(patsubst %,src/modules/seal_noise/%.c,cipher symmetric pattern handshake))

$B/bench/load: tests/bench/load.c tests/bench/load_seal.c tests/bench/load.h $(addprefix src/tools/histogram,.c .h) \
               $(BENCH_SEAL) $B/stamp/compile $B/stamp/server
	@mkdir -p $(@D)
	$(call say,CC,$@)$(BENCH_COMPILE) $(if $(BENCH_SEAL),-DLOAD_SEALED) -o $@ $(filter %.c,$^) \
	    $(if $(BENCH_SEAL),$(SERVER_MODULE_LIBS))
$B/bench/floor: tests/bench/floor.c $B/stamp/compile
	@mkdir -p $(@D)
	$(call say,CC,$@)$(BENCH_COMPILE) -o $@ $<
$B/bench/malloc_count.so: tests/bench/malloc_count.c $B/stamp/compile
	@mkdir -p $(@D)
	$(call say,CC,$@)$(BENCH_COMPILE) -shared -o $@ $<

# ---- a server with the services of the sweeps: many methods, and an echo ----
BENCH_SERVER := $B/bench/server
$B/bench/modules/modules.list: tests/bench/generate_methods
	@$(PYTHON) $< $(@D)
$(BENCH_SERVER)/Makefile: $(THIS_MAKEFILE) $B/bench/modules/modules.list
	@./configure $(CONFIGURE_ARGUMENTS) --add-module=tests/modules/service_kinds --add-module=$B/bench/modules \
	    --builddir=$(@D) >/dev/null
bench-server: $(BENCH_SERVER)/Makefile
	@$(MAKE) --no-print-directory -f $< $(BENCH_SERVER)/geerpc
bench-streams: $(EXTENDED)/geerpc

# ---- protobuf: our engine beside protobuf-c and protobuf's own library for C++ ----
.PHONY: bench-protobuf
PROTOBUF_BENCH := $B/bench/protobuf
bench-protobuf: $(PROTOBUF_BENCH)/bench $(PROTOBUF_BENCH)/order ## decoding and encoding beside other protobuf libraries
	@$^
$(PROTOBUF_BENCH)/order: $(addprefix tests/bench/protobuf/order.,proto textproto)
	@mkdir -p $(@D)
	$(quiet)protoc -I tests/bench/protobuf --encode=codecbench.Order order.proto < tests/bench/protobuf/order.textproto >$@
$(PROTOBUF_BENCH)/bench: $(wildcard tests/bench/protobuf/*) $B/libgeecore.a $B/protoc-gen-geerpc
	@mkdir -p $(@D)
	$(quiet)protoc -I tests/bench/protobuf --plugin=protoc-gen-geerpc=$B/protoc-gen-geerpc --cpp_out=$(@D) \
	    --geerpc_out=$(@D) order.proto
	$(quiet)protoc-c -I tests/bench/protobuf --c_out=$(@D) order.proto
	$(call say,CXX,$@)cd $(@D) && $(CC) -std=gnu11 -O2 -DNDEBUG -c -I. $(addprefix -I$(CURDIR)/,src src/core src/client \
	    src/core/protobuf $B) $(addprefix $(CURDIR)/tests/bench/protobuf/,main.c geerpc.c protobuf_c.c) order.gee.c \
	    order.pb-c.c && $(CXX) -std=c++17 -O2 -I. -I$(CURDIR)/tests/bench/protobuf -o $(@F) \
	    $(CURDIR)/tests/bench/protobuf/cpp.cc order.pb.cc main.o geerpc.o protobuf_c.o order.gee.o order.pb-c.o \
	    $(abspath $B/libgeecore.a) -flto -lprotobuf -lprotobuf-c -lpthread

# ---- gRPC for C++, where all of it is installed; without it this builds nothing ----
CXX            ?= g++
GRPC_PLUGIN     = $(shell command -v grpc_cpp_plugin)
GRPC_FOUND      = $(and $(GRPC_PLUGIN),$(shell command -v protoc),$(shell command -v $(CXX)),\
                  $(shell pkg-config --exists grpc++ protobuf 2>/dev/null && echo yes))
GRPC_LIBS       = $(shell pkg-config --libs grpc++ protobuf)
bench-peers:
	@$(if $(GRPC_FOUND),$(MAKE) --no-print-directory -f $(THIS_MAKEFILE) $B/bench/grpc_server >/dev/null,:)
$B/bench/grpc_server: $(addprefix tests/bench/peers/,grpc_server.cc arith.proto)
	@mkdir -p $(@D)/grpc
	$(quiet)protoc -I tests/bench/peers --cpp_out=$(@D)/grpc --grpc_out=$(@D)/grpc \
	    --plugin=protoc-gen-grpc=$(GRPC_PLUGIN) arith.proto
	$(call say,CXX,$@)$(CXX) -std=c++17 -O2 -I$(@D)/grpc -o $@ $< $(@D)/grpc/arith.pb.cc $(@D)/grpc/arith.grpc.pb.cc \
	    $(GRPC_LIBS)
