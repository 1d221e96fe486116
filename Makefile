# The short way to everything; CMakeLists.txt and CMakePresets.json are the long one. See `make help`.

JOBS ?= $(shell nproc 2>/dev/null || echo 2)
PREFIX ?= /usr/local
BUILD = cmake --preset release >/dev/null && cmake --build --preset release --parallel $(JOBS)

.PHONY: all demo test bench check install uninstall clean help

## make            build/edbatch, build/libedbatch.so and .a
all:
	@scripts/setup build
	@$(BUILD) --target edbatch edbatch_shared edbatch_static

## make demo       a tree model from data to learned policy to speed, in under two minutes
demo: all
	@scripts/demo

## make test       builds and runs all tests
test:
	@scripts/setup test
	@$(BUILD)
	@ctest --preset release --parallel $(JOBS)

## make bench      speed of the models of the zoo on this machine, one table; scripts/bench --docs makes them all
bench: all
	@scripts/setup bench
	@$(BUILD) --target bench_kernels
	@scripts/bench

## make check      everything a change must pass: format, layers, gcc, clang, analysis, sanitizers, install
check:
	@scripts/check

## make install    to PREFIX (/usr/local)
install: all
	@cmake --install build --prefix "$(PREFIX)"
	@if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" -eq 0 ] && command -v ldconfig >/dev/null; then ldconfig; fi

## make uninstall  removes what make install has put in place
uninstall:
	@scripts/uninstall

## make clean      removes what was built
clean:
	rm -rf build build-* demo

## make help       this list
help:
	@sed -n 's/^## //p' Makefile
