# Everything a fresh machine needs: a Python (3.11 or later) with venv, and a C++ compiler.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: install demo test test-slow lint bench bench-long clean

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
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

test-slow: install
	$(BIN)/python -m pytest -m slow

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: install
	$(BIN)/python -m pip install --quiet --group bench
	$(BIN)/python -m benchmarks.performance

bench-long: install
	$(BIN)/python -m benchmarks.exactness --output docs
	$(BIN)/python -m benchmarks.skin --output docs

clean:
	rm -rf $(VENV) build demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
