# holdfast: see CONTRIBUTING.md for what each target is for.
BUILD ?= build
JOBS ?= $(shell nproc)

.PHONY: build run test check bench tsan format setup clean

setup:
	@scripts/setup

build: setup
	@cmake -S . -B $(BUILD) -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
	@ninja -C $(BUILD) -j $(JOBS) --quiet

run: build
	@$(BUILD)/holdfast dev --data ./data

test: build
	@scripts/test

check: setup
	@scripts/check

tsan: setup
	@scripts/tsan

bench: build
	@scripts/bench

fuzz-%: setup
	@scripts/fuzz $*

format: setup
	@git ls-files -co --exclude-standard 'src/*.c' 'src/*.h' 'include/*.h' | xargs clang-format -i

clean:
	@rm -rf build build-*
