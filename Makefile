# holdfast: see CONTRIBUTING.md for what each target is for.
#   make run ARGS="--set listeners.plain.port=9080"   more options of `holdfast dev`, such as other ports
#   make sim SEEDS=0..9999                            worlds of the simulator; SEEDS=7 ARGS=--trace shows one of them
SHELL := bash
.SHELLFLAGS := -o pipefail -c
BUILD ?= build
JOBS ?= $(shell nproc)
ARGS ?=
PREFIX ?= /usr/local
DESTDIR ?=
SEEDS ?= 0..1999

.PHONY: build run test sim check bench tsan format docs setup setup-test clean

setup:
	@scripts/setup build

setup-test:
	@scripts/setup

build: setup
	@scripts/console
	@test -x $(BUILD)/holdfast || echo "building into $(BUILD)/" >&2
	@cmake -S . -B $(BUILD) -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
	@ninja -C $(BUILD) -j $(JOBS) --quiet | sed -u '/^ninja: no work to do\.$$/d'

run: build
	@$(BUILD)/holdfast dev --data ./data $(ARGS)

test: setup-test build
	@scripts/test

check: setup-test
	@scripts/check

tsan: setup-test
	@scripts/tsan

sim: setup-test
	@cmake -S . -B $(BUILD) -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
	@ninja -C $(BUILD) -j $(JOBS) --quiet holdfast-sim
	@$(BUILD)/holdfast-sim --seeds $(SEEDS) --jobs $(JOBS) $(ARGS)

bench: setup-test build
	@scripts/bench

fuzz-%: setup-test
	@scripts/fuzz $*

format: setup-test
	@git ls-files -co --exclude-standard 'src/*.c' 'src/*.h' 'include/*.h' 'test/*.c' 'test/*.h' | xargs clang-format -i

# The pages and the sample that the program prints itself; a test compares them.
docs: build
	@$(BUILD)/holdfast default-config > deploy/holdfast.yaml
	@$(BUILD)/holdfast default-config --markdown > doc/configuration.md
	@$(BUILD)/holdfast reasons --markdown > doc/reasons.md

# The program, libholdfast (shared and static), its header and its pkg-config file: PREFIX, DESTDIR.
install: build
	@DESTDIR=$(DESTDIR) cmake --install $(BUILD) --prefix $(PREFIX) >/dev/null

clean:
	@rm -rf build build-*
