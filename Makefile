# All of it happens in this folder: Python packages go to .venv, the demo to demo/, the server's store to coindex-store/.
#
#   make demo     the whole path on invented coins, with the light install (no torch, no TensorFlow, no Node)
#   make setup    everything that work on coindex needs
#   make test     set up what is missing, then every check and every test
#   make bench    the benchmarks, at their small sizes
#   make serve    the catalogue server on http://127.0.0.1:8000

PYTHON ?= python3
VENV ?= .venv
EXTRAS := heic,server,scale,validate,training,export,benchmarks,dev
WEB := mobile_assets/web

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip
NEED_311 := import sys; sys.exit(sys.version_info[:2] != (3, 11))

# What is installed is noted in these files, each written last, so that a half-done install is never taken for a whole one.
DEPENDENCIES := $(VENV)/.coindex-dependencies
CHECKOUT := $(VENV)/.coindex-checkout
KEY := $(shell cat constraints.txt pyproject.toml | cksum)

.PHONY: setup demo test bench serve venv light full

setup: full
	@if command -v npm >/dev/null && ! cmp -s $(WEB)/package-lock.json $(WEB)/node_modules/.coindex-lock; then \
	  cd $(WEB) && npm ci --no-audit --no-fund && cp package-lock.json node_modules/.coindex-lock; \
	fi

demo: light
	$(BIN)/coindex demo

test: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@if [ -d $(WEB)/node_modules ]; then cd $(WEB) && npm run check && npm run lint && npm test; \
	  else echo "no Node here: the phone app's own checks are left out"; fi
	$(BIN)/python -m pytest

bench: full
	@for benchmark in benchmarks/*.py; do \
	  if [ -e "$$benchmark" ]; then $(BIN)/python "$$benchmark" --quick || exit 1; else echo "no benchmarks yet"; fi; \
	done

serve: light
	$(BIN)/coindex serve

venv:
	@if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	  $(PYTHON) -c '$(NEED_311)' 2>/dev/null || { \
	    echo "coindex needs Python 3.11, $(PYTHON) is $$($(PYTHON) --version 2>&1); name another: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; \
	    exit 1; }; \
	  $(PYTHON) -m venv $(VENV); \
	fi
	@$(BIN)/python -c '$(NEED_311)' || { \
	  echo "$(VENV) holds $$($(BIN)/python --version), coindex needs Python 3.11; remove $(VENV) and call make again" >&2; exit 1; }

# The light install is part of the full one.
light: venv
	@if ! { echo "full $(KEY)"; echo "light $(KEY)"; } | grep -qxFf - $(DEPENDENCIES) 2>/dev/null; then \
	  rm -f $(DEPENDENCIES); \
	  $(PIP) install -c constraints.txt -e '.[server]' && \
	  echo "$(CURDIR)" > $(CHECKOUT) && echo "light $(KEY)" > $(DEPENDENCIES); \
	fi
	@$(LINK)

full: venv
	@if ! echo "full $(KEY)" | cmp -s - $(DEPENDENCIES); then \
	  rm -f $(DEPENDENCIES); \
	  $(PIP) install -c constraints.txt -e '.[$(EXTRAS)]' && \
	  echo "$(CURDIR)" > $(CHECKOUT) && echo "full $(KEY)" > $(DEPENDENCIES); \
	fi
	@$(LINK)

# An environment that another checkout made is made to run this one.
LINK = echo "$(CURDIR)" | cmp -s - $(CHECKOUT) || { \
	rm -f $(CHECKOUT); $(PIP) install --no-deps -e . && echo "$(CURDIR)" > $(CHECKOUT); }
