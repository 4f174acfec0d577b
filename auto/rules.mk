# rules.mk: the rules of the Makefile that configure writes, which sets the variables in capitals and includes this.
#
#   src/core/{base,event,conf,http,type,json,protobuf,rpc,gateway} ---> libgeecore.a ----+
#   src/core/proc without main.c, modules -> libgeeserver.a --+--> geerpc; tests/unit, tests/contract
#   src/client, modules and core of the library -> libgeerpc.a, libgeerpc.so ---> geectl (from the archive)
#
# Every source is compiled once, to $B/obj/PATH.o, for program and shared library alike. Lists of sources are taken anew
# by each make.

ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 1)
endif
.SUFFIXES:
.DELETE_ON_ERROR:

ifeq ($V,1)
say :=
quiet :=
else
say = @printf '  %-6s %s\n' $1 $2;
quiet := @
endif

COMPILE := $(CC) $(LANGUAGE_FLAGS) $(OPTIMISATION) $(WARNINGS) -Isrc -Isrc/core -Isrc/core/protobuf -I$B \
           $(CONFIG_CFLAGS) $(CJSON_CFLAGS) $(MODULE_CFLAGS) $(CMOCKA_CFLAGS) $(CC_OPT) $(CFLAGS)
LINK_WHOLE := $(CC) $(filter-out -flto=% -ffat-lto-objects,$(OPTIMISATION)) $(LINK_FLAGS) $(LD_OPT) $(LDFLAGS)
# Where objects have both forms of code, a linker would take that of link-time optimisation unless told not to.
LINK       := $(LINK_WHOLE) $(if $(LTO_LINK_FLAGS),-fno-lto)

# ---- sources and objects ----
# OBJECTS_OF=DIRECTORY: those of src/ are another build's, which differs only in the modules that this one adds.
OBJECTS_OF ?= $B
objects = $(patsubst %.c,$B/obj/%.o,$(patsubst src/%.c,$(OBJECTS_OF)/obj/src/%.o,$(wildcard $1)))

CORE_PARTS     := base event conf type json protobuf protobuf/google/protobuf rpc gateway \
                  $(if $(filter yes,$(LLHTTP_FOUND)),http)
CORE           := $(call objects,$(foreach part,$(CORE_PARTS),src/core/$(part)/*.c))
LLHTTP         := $(if $(LLHTTP_DIR),$(patsubst $(LLHTTP_DIR)/%.c,$B/obj/llhttp/%.o,$(wildcard $(LLHTTP_DIR)/*.c)))
PROC_MAIN      := $(call objects,src/core/proc/main.c)
PROC           := $(filter-out $(PROC_MAIN),$(call objects,src/core/proc/*.c))
SERVER_MODULE  := $(call objects,$(foreach path,$(SERVER_MODULES),$(path).c $(path)/*.c))
LIBRARY_MODULE := $(call objects,$(foreach path,$(LIBRARY_MODULES),$(path).c $(path)/*.c))
# .proto files of modules that need protoc, in a module's folder or beside its one file: from DIR/x.proto come
# $B/proto/DIR/x.gee.h and x.gee.c.
proto_folders  = $(sort $(foreach path,$1,$(if $(wildcard $(path)/*.proto),$(path)) \
                 $(if $(wildcard $(path).c),$(patsubst %/,%,$(dir $(path))))))
protos         = $(patsubst %.proto,$B/proto/%.gee.$2,$(foreach folder,$(call proto_folders,$1),$(wildcard $(folder)/*.proto)))
# Headers where a module's sources are: #include "x.gee.h" finds these first, and make does not make them anew.
proto_copies   = $(wildcard $(foreach folder,$1/ $(dir $1),$(addprefix $(folder),$(notdir $(call protos,$1,h)))))
proto_objects  = $(patsubst $B/%.c,$B/obj/%.o,$(call protos,$(filter $(PROTOC_MODULES),$1),c))
SERVER_MODULE  += $(call proto_objects,$(SERVER_MODULES))
LIBRARY_MODULE += $(call proto_objects,$(LIBRARY_MODULES))
# Never empty, which would mean every file: objects are to be compiled anew when a header that they included is gone.
.SECONDARY: $B/none.gee.c $(call protos,$(PROTOC_MODULES),c)
CLIENT         := $(call objects,src/client/*.c)
TOOLS          := $(call objects,src/tools/*.c)
GENERATOR      := $(call objects,src/tools/protoc_gen_geerpc/*.c)
# libconfig and with it conf/conf*.c are the server's alone.
LIBRARY        := $(CLIENT) $(LIBRARY_MODULE) $B/obj/modules_lib.o $(LLHTTP) \
                  $(filter-out $B/obj/src/core/conf/conf%.o,$(CORE))
SERVER         := $(PROC) $(SERVER_MODULE) $B/obj/modules.o

UNIT_TESTS     := $(patsubst tests/%.c,$B/tests/%,$(wildcard tests/unit/*_test.c))
CONTRACT_TESTS := $(patsubst tests/%.c,$B/tests/%,$(wildcard tests/contract/*_contract.c))
# Fuzz targets: over stored inputs, with the main() of replay.c; with libFuzzer's in a tree of their own.
REPLAYS        := $(patsubst tests/%.c,$B/tests/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZERS        := $(REPLAYS:$B/tests/fuzz/%=$B/fuzzers/%)
TEST_PROGRAMS  := $(UNIT_TESTS) $(CONTRACT_TESTS) $(REPLAYS)
SOAK           := $B/tests/chaos/soak
# The server with the services of tests/modules as well, linked of the objects that are there anyhow.
EXTENDED       := $B/tests/extended
# Programs that process tests talk to.
INTEROP        := $(patsubst tests/%.c,$B/tests/%,$(wildcard tests/interop/*/*.c))
TEST_OBJECTS   := $(patsubst $B/tests/%,$B/obj/tests/%.o,$(TEST_PROGRAMS) $(INTEROP))
TEST_SUPPORT   := $(filter-out $(TEST_OBJECTS),$(call objects,$(patsubst %,tests/%/*.c,unit contract support fuzz)))

# Of the build whose objects are used.
PROTOC_PLUGIN  := $(OBJECTS_OF)/protoc-gen-geerpc
GENERATED      := $B/gee_features.h $B/modules.c $B/modules_lib.c $B/geerpc.pc
LIBRARY_FILES  := $B/libgeerpc.a $B/libgeerpc.so.$(ABI_VERSION)
PROGRAMS       := $B/geerpc $B/geectl $B/protoc-gen-geerpc

.PHONY: all tests run check chaos fuzz fuzzers install uninstall clean format docs help FORCE
all: $(PROGRAMS) $(LIBRARY_FILES) ## the server, geectl and the library (V=1 shows the commands)
tests: $(TEST_PROGRAMS) $(INTEROP) $(SOAK) $(EXTENDED)/geerpc

# ---- configuring again ----
CONFIGURE_PARTS := configure $(addprefix auto/,version say options modules compiler libraries generate)

$(THIS_MAKEFILE): $(CONFIGURE_PARTS) $(MODULES_LISTS)
	@echo 'configure or modules.list is newer than $@: configuring again'
	@./configure $(CONFIGURE_ARGUMENTS) >/dev/null
$(GENERATED) &:
	@./configure $(CONFIGURE_ARGUMENTS) >/dev/null

# ---- compiling ----
# $(call remember,NAME,TEXT): $B/stamp/NAME is newer than what depends on it when TEXT is not what it was.
define remember
ifneq ($$(strip $$(file <$B/stamp/$1)),$$(strip $2))
$B/stamp/$1: FORCE
endif
$B/stamp/$1:
	@mkdir -p $$(@D)
	@printf '%s\n' '$$(subst ','\'',$$(strip $2))' >$$@
endef
$(eval $(call remember,compile,$$(COMPILE)))
$(eval $(call remember,link,$$(LINK) $$(LIBRARY_LINK_FLAGS)))
$(eval $(call remember,core,$$(CORE) $$(LLHTTP)))
$(eval $(call remember,server,$$(SERVER)))
$(eval $(call remember,library,$$(LIBRARY)))
$(eval $(call remember,tools,$$(TOOLS)))
$(eval $(call remember,generator,$$(GENERATOR)))
$(eval $(call remember,support,$$(TEST_SUPPORT)))

define compile
@mkdir -p $(@D)
$(call say,CC,$<)$(COMPILE) -MMD -MP -c -o $@ $<
endef

$B/obj/modules.o $B/obj/modules_lib.o: $B/obj/%.o: $B/%.c $B/stamp/compile
	$(compile)
$(LLHTTP): $B/obj/llhttp/%.o: $(LLHTTP_DIR)/%.c $B/stamp/compile
	@mkdir -p $(@D)
	$(call say,CC,$<)$(COMPILE) -DLLHTTP_STRICT_MODE=1 -w -c -o $@ $<
# protoc; a module's objects are compiled after all headers of its .proto files.
$B/proto/%.gee.c $B/proto/%.gee.h: %.proto $(PROTOC_PLUGIN)
	@mkdir -p $(@D)
	$(call say,PROTOC,$<)protoc --plugin=protoc-gen-geerpc=$(PROTOC_PLUGIN) --geerpc_out=$(@D) -I $(<D) $<
define compile_protoc_module
$(call objects,$1.c $1/*.c) $(call proto_objects,$1): private COMPILE += \
    -Isrc/client $(addprefix -I$B/proto/,$(call proto_folders,$1))
$(call objects,$1.c $1/*.c) $(call proto_objects,$1): | $(call protos,$1,h) \
    $(addsuffix .in-the-way,$(call proto_copies,$1))
endef
$(foreach path,$(PROTOC_MODULES),$(eval $(call compile_protoc_module,$(path))))
%.in-the-way: FORCE
	@echo "$*: sources beside this file include it in place of what make makes of the .proto: remove this file;" \
	    "where a client needs one, protoc --geerpc_out=FOLDER puts it elsewhere" >&2; exit 1
$B/obj/proto/%.o: $B/proto/%.c $B/stamp/compile
	$(compile)
# What several kinds of tests share is included as "support/NAME.h". Tests are linked without optimisation of the whole.
$B/obj/tests/%.o: private COMPILE := $(filter-out -flto=% -ffat-lto-objects,$(COMPILE)) -Itests
$B/obj/%.o: %.c $B/stamp/compile | $(GENERATED)
	$(compile)

-include $(patsubst %.o,%.d,$(CORE) $(PROC_MAIN) $(SERVER) $(LIBRARY) $(TOOLS) $(GENERATOR) $(TEST_OBJECTS) $(TEST_SUPPORT) $B/obj/tests/chaos/soak.o)

# ---- linking ----
define archive
@rm -f $@
$(call say,AR,$@)$(AR) qcs $@ $(filter %.o,$^)
endef

$B/libgeecore.a: $(CORE) $(LLHTTP) $B/stamp/core
	$(archive)
$B/libgeeserver.a: $(SERVER) $B/stamp/server
	$(archive)
$B/libgeerpc.a: $(LIBRARY) $B/stamp/library
	$(archive)
# Client tests can look inside the library too; a part of geectl has a test as well.
$B/libgeetest.a: $(TEST_SUPPORT) $(CLIENT) $(filter %/histogram.o,$(TOOLS)) $B/stamp/support
	$(archive)

SERVER_LIBS  := $(CONFIG_LIBS) $(CJSON_LIBS) $(SERVER_MODULE_LIBS) -lm
LIBRARY_LIBS := $(LIBRARY_MODULE_LIBS) -lm

$B/libgeerpc.so.$(ABI_VERSION): $(LIBRARY) $B/stamp/library $B/stamp/link
	$(call say,LINK,$@)$(LINK) -shared -Wl,-soname,$(@F) $(LIBRARY_LINK_FLAGS) -o $@ $(filter %.o,$^) $(LIBRARY_LIBS)
	$(quiet)ln -sf $(@F) $B/libgeerpc.so
$B/geerpc: $(PROC_MAIN) $B/libgeeserver.a $B/libgeecore.a $B/stamp/link
	$(call say,LINK,$@)$(LINK_WHOLE) $(LTO_LINK_FLAGS) -pie -o $@ $(PROC_MAIN) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(SERVER_LIBS)
$B/geectl: $(TOOLS) $B/libgeerpc.a $B/stamp/tools $B/stamp/link
	$(call say,LINK,$@)$(LINK) -pie -o $@ $(TOOLS) $B/libgeerpc.a $(CJSON_LIBS) $(LIBRARY_LIBS)
# Of the core alone: modules may need the program to be compiled.
$B/protoc-gen-geerpc: $(GENERATOR) $B/libgeecore.a $B/stamp/generator $B/stamp/link
	$(call say,LINK,$@)$(LINK) -pie -o $@ $(GENERATOR) $B/libgeecore.a -lm
$(TEST_PROGRAMS) $(INTEROP): $B/tests/%: $B/obj/tests/%.o $B/libgeetest.a $B/libgeeserver.a $B/libgeecore.a $B/stamp/link
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(LINK) -pie -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group \
	    $(CMOCKA_LIBS) $(SERVER_LIBS)
# Their heap fails when they say so: tests/support/failing_memory.c.
$B/tests/unit/no_memory_test $B/tests/unit/descriptor_test: private LINK += $(foreach function,malloc calloc aligned_alloc realloc reallocarray strdup free,-Wl,--wrap=$(function))
# What its protocol reports to sessions goes to the test.
$B/tests/unit/protocol_geerpc_test: private LINK += -Wl,--wrap=gee_session_event -Wl,--wrap=gee_session_set_body_length

# A program as others make them: of the library alone.
$(SOAK): $B/obj/tests/chaos/soak.o $B/libgeerpc.a $B/stamp/link
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(LINK) -pie -o $@ $(filter %.o %.a,$^) $(LIBRARY_LIBS)

$(FUZZERS): $B/fuzzers/%: $B/obj/tests/fuzz/%.o $B/libgeeserver.a $B/libgeecore.a $B/stamp/link
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(LINK) -fsanitize=fuzzer -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(SERVER_LIBS)

# ---- running and checking ----
run: $(PROGRAMS) ## start the server in the foreground with conf/geerpc.conf, its files in build/run/ and build/logs/
	@mkdir -p $B/run $B/logs
	@exec $B/geerpc -F -p '$(abspath $B)' -c '$(abspath conf/geerpc.conf)'

# All that a run of the tests writes goes to $B or to /tmp. RESULTS: where the parts of a check note their counts.
RESULTS := $B/check.results
ifneq ($(origin T),command line)
T :=
endif
# So many runs of pytest share the process tests: one more than processors, since each often waits for a timer.
AT_ONCE ?= $(shell echo $$(($$(nproc 2>/dev/null || echo 1) + 1)))
export PYTHONDONTWRITEBYTECODE := 1
export GEERPC_BUILD    := $(abspath $B)
export GEERPC_SANITIZE := $(SANITIZE)
export GEERPC_PEERS    ?= $(abspath $B)
export ASAN_OPTIONS    ?= detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS   ?= print_stacktrace=1
export TSAN_OPTIONS    ?= halt_on_error=1:second_deadlock_stack=1

SANITIZED_TREE := $B/sanitize
THREADS_TREE   := $B/threads
# Unit tests of what several threads use: they run under ThreadSanitizer too.
THREADED       := log loop thread_pool session streaming client client_failure client_stream client_threads client_outstanding client_runtime \
                  xclient xclient_failure xclient_registry dial registry_file handler
THREADED       := $(patsubst tests/%.c,$(THREADS_TREE)/tests/%,$(wildcard $(THREADED:%=tests/unit/%_test.c)))
CHECKS         := layers format docs unit process $(if $(SANITIZE),,sanitize threads)

check: all tests ## every test: as built, and once more under ASan and UBSan
	+@RUN_MAKE='$(MAKE) --no-print-directory -f $(THIS_MAKEFILE)' tests/run-check '$(RESULTS)' $(CHECKS)

.PHONY: $(addprefix check-,layers format docs tools unit process sanitize threads)
CALLING := $(filter $(OBJECTS_OF)/obj/src/%,$(CORE) $(PROC_MAIN) $(SERVER) $(LIBRARY) $(TOOLS) $(GENERATOR))
check-layers: $(sort $(CALLING)) ## that includes and calls only point down, and calls go in no circle
	@status=0; auto/check-layers || status=1; $(PYTHON) auto/check-calls $^ || status=1; exit $$status
check-format: ## that clang-format would change nothing, and that no line is longer than 120 characters
	@auto/check-lines
	@$(require_clang_format)
	@badly=$$($(C_FILES) | xargs -0 $(CLANG_FORMAT) --dry-run --Werror 2>&1 | sed -n 's/ error: .*//p' | sort -V); \
	    test -z "$$badly" || { printf '%s\n' "$$badly" 'not as clang-format has it: make format'; exit 1; }
check-docs: $B/geerpc ## that docs/configuration.md is what the option tables say
ifeq ($(DEFAULT_MODULES),yes)
	@$B/geerpc --document-configuration | diff -u docs/configuration.md - || \
	    { echo 'docs/configuration.md is not up to date: make docs'; exit 1; }
else
	@echo 'not checked: docs/configuration.md describes the default modules, this build has others'
endif
check-tools:
	@test '$(CMOCKA_FOUND)' = yes || \
	    { echo 'the tests need cmocka (Debian package libcmocka-dev): ./configure --install-deps'; exit 1; }
	@$(PYTHON) -m pytest --version >/dev/null 2>&1 || \
	    { echo 'the tests need pytest (Debian package python3-pytest): ./configure --install-deps'; exit 1; }
$(TEST_OBJECTS) $(TEST_SUPPORT): | check-tools
# Those of some programs that T chooses.
chosen = $(foreach program,$1,$(if $(or $(if $T,,all),$(findstring $T,$(program))),$(program)))
CHOSEN_TESTS := $(call chosen,$(TEST_PROGRAMS))
check-unit: $(CHOSEN_TESTS) ## unit and contract tests, fuzz targets over stored inputs; T=NAME: those with NAME in them
	@$(PYTHON) tests/run-units --results '$(RESULTS)' $(CHOSEN_TESTS)
check-process: all $(INTEROP) $(SOAK) $(EXTENDED)/geerpc | check-tools ## tests/process; T=NAME: only those that pytest -k NAME selects
	@$(PYTHON) tests/run-process --results '$(RESULTS)' $(if $T,-k '$T',--at-once $(AT_ONCE)) tests/process
$(EXTENDED)/Makefile: $(THIS_MAKEFILE) $(wildcard tests/modules/*/modules.list)
	@./configure $(CONFIGURE_ARGUMENTS) --builddir=$(@D) >/dev/null \
	    $(addprefix --add-module=tests/modules/service_,calculator chat clock countdown crash handler kinds later numbers process shapes shop stream tally total work)
$(EXTENDED)/geerpc: $B/geerpc $B/protoc-gen-geerpc $(EXTENDED)/Makefile $(wildcard tests/modules/*/*.[ch] tests/modules/*/*.proto)
	@$(MAKE) --no-print-directory -f $(@D)/Makefile OBJECTS_OF=$B $@
check-sanitize: $(SANITIZED_TREE)/Makefile ## unit, contract and process tests under ASan and UBSan
	@$(MAKE) --no-print-directory -f $< all tests
	@failed=0; for part in unit process; do \
	    $(MAKE) --no-print-directory -f $< check-$$part RESULTS='$(RESULTS)' || failed=1; done; exit $$failed
check-threads: $(if $(THREADED),$(THREADS_TREE)/Makefile) ## the unit tests of threaded parts under TSan
	@test -z '$(THREADED)' || $(MAKE) --no-print-directory -f $< $(THREADED)
	@$(RUN_THREADS) $(PYTHON) tests/run-units --results '$(RESULTS)' $(THREADED)

# What a fuzzer finds is replayed by make check from then on.
FUZZ_TREE      := $B/fuzz
FUZZ_CC         = $(firstword $(foreach compiler,clang-14 clang,$(if $(shell command -v $(compiler)),$(compiler))))
FUZZ_SECONDS   ?= 60
CHOSEN_FUZZERS := $(call chosen,$(FUZZERS))
fuzzers: $(CHOSEN_FUZZERS)
FUZZ_FLAGS     := -max_len=4096 -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=64 -print_final_stats=1
fuzz: $(FUZZ_TREE)/Makefile ## libFuzzer, FUZZ_SECONDS (60) for each target; T=NAME: those with NAME in them
	@$(MAKE) --no-print-directory -f $< fuzzers
	@set -e; for name in $(patsubst $B/fuzzers/fuzz_%,%,$(CHOSEN_FUZZERS)); do \
	    echo "---- $$name"; found=tests/fuzz/crashes/$$name; corpus=$(FUZZ_TREE)/corpus/$$name; \
	    mkdir -p $$found $$corpus; \
	    $(FUZZ_TREE)/fuzzers/fuzz_$$name -max_total_time=$(FUZZ_SECONDS) $(FUZZ_FLAGS) -artifact_prefix=$$found/ \
	        $$(ls tests/fuzz/$$name.dict 2>/dev/null | sed 's/^/-dict=/') $$corpus tests/fuzz/corpus/$$name $$found; done
$(FUZZ_TREE)/Makefile: $(THIS_MAKEFILE)
	@test -n '$(FUZZ_CC)' || { echo 'make fuzz needs clang (Debian packages clang-14, libclang-rt-14-dev):' \
	    './configure --install-deps'; exit 1; }
	@./configure $(CONFIGURE_ARGUMENTS) --with-cc=$(FUZZ_CC) --with-sanitize=address,undefined \
	    --with-cc-opt=-fsanitize=fuzzer-no-link --builddir=$(@D) >/dev/null
$(SANITIZED_TREE)/Makefile: $(THIS_MAKEFILE)
	@./configure $(CONFIGURE_ARGUMENTS) --with-sanitize=address,undefined --builddir=$(@D) >/dev/null
$(THREADS_TREE)/Makefile: $(THIS_MAKEFILE)
	@./configure $(CONFIGURE_ARGUMENTS) --with-sanitize=thread --builddir=$(@D) >/dev/null

include auto/bench.mk

MINUTES ?= 10
NEIGHBOURS ?= -requests 100000 -least 60s
chaos: all $(INTEROP) $(SOAK) $(EXTENDED)/geerpc | check-tools ## reloads without loss in full, then MINUTES (10) of chaos, 6 with servers behind a gateway, 1 with a hostile neighbour; SEED=7 ONLY='reload,kill'
	@GEERPC_FULL=1 $(PYTHON) tests/run-process -k 'handover or killed_workers or many_messages_each_way or interop_protobuf' tests/process
	@SEED='$(SEED)' ONLY='$(ONLY)' $(PYTHON) tests/chaos/run $(MINUTES)
	@SEED='$(SEED)' ONLY='$(ONLY)' $(PYTHON) tests/chaos/run 6 backends
	@$(if $(ONLY),,SEED='$(SEED)' $(PYTHON) tests/chaos/neighbours $(NEIGHBOURS))

C_FILES = find src tests -name '*.[ch]' ! -name '*.gee.[ch]' -print0
require_clang_format = test -n '$(CLANG_FORMAT)' || \
    { echo 'this needs clang-format 14 (Debian package clang-format-14): ./configure --install-deps'; exit 1; }
format: ## clang-format every source
	@$(require_clang_format)
	@$(C_FILES) | xargs -0 $(CLANG_FORMAT) -i
docs: $B/geerpc ## write docs/configuration.md from the option tables
ifeq ($(DEFAULT_MODULES),yes)
	@$B/geerpc --document-configuration >docs/configuration.md.new
	@mv docs/configuration.md.new docs/configuration.md
else
	@echo 'docs/configuration.md describes the default modules, this build has others: ./configure'; false
endif

# ---- installing ----
DESTINATION = $(DESTDIR)$(prefix)
PUBLIC_HEADERS = $(filter %.h,$(shell $(COMPILE) -MM src/client/geerpc.h))
MAN_PAGES := $(wildcard docs/man/*.[1-8])
# Texts with @prefix@ in them, and where they go.
UNITS     := $(wildcard conf/systemd/geerpc.*)
ROTATIONS := $(wildcard conf/logrotate/*)
define install_texts
for text in $1; do install -d '$(DESTINATION)/$2' && \
	    sed 's|@prefix@|$(prefix)|g' "$$text" >'$(DESTINATION)/$2/'"$${text##*/}" && \
	    chmod 644 '$(DESTINATION)/$2/'"$${text##*/}" || exit 1; done
endef

# The programs and geerpc.pc have the prefix in them, so it is chosen once, before they are made.
.PHONY: same-prefix
same-prefix:
	@test '$(prefix:%/=%)' = '$(CONFIGURED_PREFIX)' || { \
	    echo 'prefix=$(prefix): the programs are made for $(CONFIGURED_PREFIX): ./configure --prefix=$(prefix)' \
	    '(for another root: make install DESTDIR=DIR)'; exit 1; }
install: same-prefix all ## into DESTDIR and the prefix; an existing geerpc.conf is left alone
	install -d '$(DESTINATION)/sbin' '$(DESTINATION)/bin' '$(DESTINATION)/lib/pkgconfig' '$(DESTINATION)/include/geerpc' \
	    '$(DESTINATION)/conf' '$(DESTINATION)/logs' '$(DESTINATION)/run'
	install -m 755 $B/geerpc '$(DESTINATION)/sbin/geerpc'
	install -m 755 $B/geectl $B/protoc-gen-geerpc '$(DESTINATION)/bin'
	install -m 644 $B/libgeerpc.a '$(DESTINATION)/lib/libgeerpc.a'
	install -m 755 $B/libgeerpc.so.$(ABI_VERSION) '$(DESTINATION)/lib/libgeerpc.so.$(VERSION)'
	ln -sf libgeerpc.so.$(VERSION) '$(DESTINATION)/lib/libgeerpc.so.$(ABI_VERSION)'
	ln -sf libgeerpc.so.$(ABI_VERSION) '$(DESTINATION)/lib/libgeerpc.so'
	install -m 644 $B/geerpc.pc '$(DESTINATION)/lib/pkgconfig/geerpc.pc'
	install -m 644 $(wildcard src/client/geerpc*.h) '$(DESTINATION)/include/geerpc'
	for header in $(patsubst src/%,%,$(filter src/core/%,$(PUBLIC_HEADERS))); do \
	    install -D -m 644 "src/$$header" '$(DESTINATION)/include/geerpc/'"$$header" || exit 1; done
	for header in $(wildcard src/core/protobuf/google/protobuf/*.gee.h); do \
	    install -D -m 644 "$$header" '$(DESTINATION)/include/geerpc/'"$${header#src/core/protobuf/}" || exit 1; done
	for page in $(MAN_PAGES); do \
	    install -D -m 644 "$$page" '$(DESTINATION)/share/man/man'"$${page##*.}/$${page##*/}" || exit 1; done
	$(call install_texts,$(UNITS),lib/systemd/system)
	$(call install_texts,$(ROTATIONS),share/geerpc/logrotate)
	install -m 644 conf/geerpc.conf '$(DESTINATION)/conf/geerpc.conf.default'
	test -e '$(DESTINATION)/conf/geerpc.conf' || install -m 644 conf/geerpc.conf '$(DESTINATION)/conf/geerpc.conf'

uninstall: ## what install made, but for geerpc.conf and the logs
	rm -f '$(DESTINATION)/sbin/geerpc' '$(DESTINATION)/bin/geectl' '$(DESTINATION)/bin/protoc-gen-geerpc' \
	    '$(DESTINATION)/lib/libgeerpc.a' \
	    '$(DESTINATION)/lib/libgeerpc.so' '$(DESTINATION)/lib/libgeerpc.so.$(ABI_VERSION)' \
	    '$(DESTINATION)/lib/libgeerpc.so.$(VERSION)' '$(DESTINATION)/lib/pkgconfig/geerpc.pc' \
	    '$(DESTINATION)/conf/geerpc.conf.default'
	rm -f $(UNITS:conf/systemd/%='$(DESTINATION)/lib/systemd/system/%') \
	    $(ROTATIONS:conf/logrotate/%='$(DESTINATION)/share/geerpc/logrotate/%')
	rm -rf '$(DESTINATION)/include/geerpc'
	for page in $(MAN_PAGES); do rm -f '$(DESTINATION)/share/man/man'"$${page##*.}/$${page##*/}"; done
	for directory in sbin bin lib/pkgconfig lib/systemd/system lib/systemd lib include conf logs run \
	    $(addprefix share/man/man,1 2 3 4 5 6 7 8) share/man share/geerpc/logrotate share/geerpc share .; do \
	    ! test -d '$(DESTINATION)/'"$$directory" || \
	    rmdir --ignore-fail-on-non-empty "$$(realpath '$(DESTINATION)/'"$$directory")"; done

clean: ## what make made; the configuration stays
	rm -rf $B/obj $B/proto $B/stamp $B/tests $B/run $B/logs $B/go $B/sanitize $B/threads $B/fuzz $B/fuzzers $B/bench \
	    $B/check.results $(PROGRAMS) $B/lib*.a $B/libgeerpc.so*

help: ## this text
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' auto/rules.mk auto/bench.mk | while IFS='|' read -r target text; do \
	    printf '  %-16s%s\n' "$$target" "$$text"; done
