# SPDX-License-Identifier: Apache-2.0
# The front door. Meson does the work; see meson.build.
BUILD  ?= build
PREFIX ?= /usr/local

.PHONY: all run test bench soak fuzz install format check docs clean

all: $(BUILD)/build.ninja
	@meson compile -C $(BUILD)

$(BUILD)/build.ninja:
	@tools/install-packages build
	@meson setup $(BUILD) --prefix=$(PREFIX) -Dtests=auto >$(BUILD).log || { cat $(BUILD).log; exit 1; }
	@rm -f $(BUILD).log

run:            # build, start a daemon, deploy the examples; Ctrl-C ends it
	@tools/install-packages build run
	@$(MAKE) --no-print-directory all
	@tools/install-libraries $(BUILD)
	@tools/run $(BUILD)

test:           # unit, fuzz replay, scenario and conformance tests
	@tools/install-packages build run test
	@$(MAKE) --no-print-directory $(BUILD)/build.ninja
	@meson setup --reconfigure $(BUILD) >/dev/null   # finds cmocka if it came just now
	@$(MAKE) --no-print-directory all
	@tools/install-libraries $(BUILD)
	@tools/test $(BUILD)

bench:          # side by side with nginx, Node and others, ratios
	@tools/install-packages build run bench
	@$(MAKE) --no-print-directory all
	@tools/install-libraries $(BUILD)
	@bench/run $(BUILD)

soak:           # the long counts: kill -9, power cuts, a full disk, updates under load
	@tools/install-packages build run test soak
	@$(MAKE) --no-print-directory all
	@EVOKE_SOAK=1 EVOKE_BUILD=$(abspath $(BUILD)) /usr/bin/python3 -m pytest -q -s tests/scenario tests/differential -m soak

SECONDS ?= 600
fuzz:           # every fuzz target for SECONDS; what is found is in build-fuzz/findings
	@tools/install-packages build test fuzz
	@tools/fuzz $(SECONDS)

install: all    # program, runtimes, completion and systemd unit below PREFIX
	@tools/install-libraries $(BUILD)
	@meson install -C $(BUILD) --no-rebuild >/dev/null
	@if [ -d $(BUILD)/runtimes/nodejs/node_modules ]; then \
		cp -R $(BUILD)/runtimes/nodejs/node_modules $(DESTDIR)$(PREFIX)/lib/evoke/runtimes/nodejs/; fi
	@echo "Installed below $(DESTDIR)$(PREFIX).$(if $(DESTDIR),, Start it: systemctl enable --now evoke, or: evoke serve)"

format:
	@find src tests runtimes bench -name '*.[ch]' | xargs clang-format -i

check:          # static analysis
	@tools/install-packages build check
	@tools/check $(BUILD)

docs: all       # the reference pages that come from the code's tables
	@tools/gen-docs $(BUILD)

clean:
	@rm -rf $(BUILD)
