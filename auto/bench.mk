# bench.mk: the rules of make bench; rules.mk includes this. What is measured, and how, stands in docs/benchmark.md.
#
#   load, floor        plain programs that are not linked with the server
#   malloc_count.so    preloaded by a server whose allocations are counted
#   grpc_server        a peer, where gRPC for C++ is installed; the peers in Go are those of tests/interop

.PHONY: bench bench-sweeps bench-programs
BENCH_OPTIONS = $(if $(ROUNDS),--rounds '$(ROUNDS)') $(if $(SECONDS),--seconds '$(SECONDS)') \
                $(if $(ROWS),--rows '$(ROWS)') $(if $(JSON),--json '$(JSON)')
bench: all bench-programs ## CPU of the server per call, beside the floor and other servers; ROUNDS, SECONDS, ROWS, JSON=FILE
	@$(PYTHON) tests/bench/run $(BENCH_OPTIONS)
bench-sweeps: all bench-programs ## payloads, connections, methods, allocations; SWEEPS=NAME,...
	@$(PYTHON) tests/bench/run $(BENCH_OPTIONS) --sweep '$(or $(SWEEPS),all)'
bench-programs: $(addprefix $B/bench/,load floor malloc_count.so)

BENCH_COMPILE := $(CC) $(LANGUAGE_FLAGS) -O2 -g $(WARNINGS) -Isrc -Itests/bench
# To seal what it says, the generator has the Noise machine alone.
BENCH_SEAL    := $(if $(filter src/modules/seal_noise,$(SERVER_MODULES)),\
                 $(patsubst %,src/modules/seal_noise/%.c,cipher symmetric pattern handshake))

$B/bench/load: tests/bench/load.c tests/bench/load_seal.c tests/bench/load.h src/tools/histogram.c $(BENCH_SEAL)
	@mkdir -p $(@D)
	$(call say,CC,$@)$(BENCH_COMPILE) $(if $(BENCH_SEAL),-DLOAD_SEALED) -o $@ $(filter %.c,$^) \
	    $(if $(BENCH_SEAL),$(SERVER_MODULE_LIBS))
$B/bench/floor: tests/bench/floor.c
	@mkdir -p $(@D)
	$(call say,CC,$@)$(BENCH_COMPILE) -o $@ $<
$B/bench/malloc_count.so: tests/bench/malloc_count.c
	@mkdir -p $(@D)
	$(call say,CC,$@)$(BENCH_COMPILE) -shared -o $@ $<
