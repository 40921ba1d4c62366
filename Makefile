# Everything a fresh machine needs: a Python (3.11 or later) with venv, and a C++ compiler.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
comma := ,

SECONDS ?= 60
SANITIZED := build/sanitize
# All that computes in C++, and the part of it in which threads meet.
ENGINE_TESTS := $(patsubst %,tests/test_%.py,engine_cpu skin sleeping asked_work random ensemble simulate numerical_trust)
THREAD_TESTS := $(patsubst %,tests/test_%.py,engine_cpu skin sleeping numerical_trust)
THREADED := threads or ctrl_c or second_thread or one_by_one or every_step

.PHONY: install demo test test-long lint docs pictures sanitize sanitize-address sanitize-thread fuzz bench bench-long campaign campaign-status clean

install: $(STAMP)

# An editable install lists the modules there are: a folder that changes may have a new one.
$(STAMP): pyproject.toml CMakeLists.txt $(wildcard src/cpp/*) $(shell find src/glassnet -type d -not -name __pycache__)
	@command -v $(PYTHON) >/dev/null || { echo "glassnet needs Python 3.11 or later: install python3 (Debian: apt-get install python3 python3-venv)"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "glassnet needs Python 3.11 or later, but $(PYTHON) is $$($(PYTHON) --version): give another one with make PYTHON=..."; exit 1; }
	@command -v c++ >/dev/null || command -v g++ >/dev/null || command -v clang++ >/dev/null || test -n "$(CXX:g++=)" || { echo "glassnet needs a C++ compiler: install g++ (Debian: apt-get install g++; Fedora: dnf install gcc-c++)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed: install it (Debian: apt-get install python3-venv)"; exit 1; }
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --group dev
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable .
	@touch $@

demo: install
	$(BIN)/glassnet run relaxation --phase regularised --scale demo --output demo

test: install
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not long"

test-long: install
	$(BIN)/python -m pytest -n 2 --dist loadfile -m long

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "build/site/index.html"

pictures: install
	$(BIN)/python -m tools.pages docs/tutorial.md

sanitize: sanitize-address sanitize-thread

# Python and NumPy never free all they hold, so leaks cannot be told from what is meant; a sanitizer that is loaded
# with a module and not with the program must be preloaded.
sanitize-address: $(SANITIZED)/address/.installed
	LD_PRELOAD="$$($(CXX) -print-file-name=libasan.so) $$($(CXX) -print-file-name=libubsan.so)" \
	ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
	$(SANITIZED)/address/bin/python -m pytest -p no:cacheprovider --capture=sys -m "not long" $(ENGINE_TESTS)

# It knows only some layouts of memory, which randomised addresses may miss; and NumPy's BLAS, which is not built for
# it, has its threads meet in ways that it does not see.
sanitize-thread: $(SANITIZED)/thread/.installed
	LD_PRELOAD="$$($(CXX) -print-file-name=libtsan.so)" TSAN_OPTIONS=halt_on_error=1:exitcode=66 \
	OPENBLAS_NUM_THREADS=1 \
	setarch --addr-no-randomize $(SANITIZED)/thread/bin/python -m pytest -p no:cacheprovider --capture=sys \
	-m "not long" $(THREAD_TESTS) -k "$(THREADED)"

# An environment that takes all but glassnet from the ordinary one; made again each time, since CMake knows what changed.
$(SANITIZED)/%/.installed: install
	test -x $(@D)/bin/python || $(PYTHON) -m venv --without-pip $(@D)
	echo $(abspath $(VENV)/lib/python*/site-packages) > $$(echo $(@D)/lib/python*/site-packages)/dependencies.pth
	$(@D)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable . \
	  --config-settings=build-dir=$(@D)/objects --config-settings=install.strip=false \
	  --config-settings=cmake.define.GLASSNET_SANITIZE=$(subst address,address$(comma)undefined,$*)

fuzz: install
	$(BIN)/python -m pip install --quiet --group fuzz
	$(BIN)/python tools/fuzz.py --seconds $(SECONDS)

bench: install
	$(BIN)/python -m pip install --quiet --group bench
	$(BIN)/python -m benchmarks.performance

bench-long: install
	$(BIN)/python -m studies.exactness --output docs
	$(BIN)/python -m studies.skin --output docs

# The long runs, piece by piece, with one thread at low priority: make campaign HOURS=2, and later again.
HOURS ?= 2
ENGINE ?= cpu

campaign: install
	$(BIN)/python -m studies.campaign --hours $(HOURS) --engine $(ENGINE)

campaign-status: install
	$(BIN)/python -m studies.campaign --status --engine $(ENGINE)

clean:
	rm -rf $(VENV) build demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
