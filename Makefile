# All of it happens in this folder: Python packages go to .venv, the demo to demo/, the server's store to coindex-store/.
#
#   make demo     the whole path on invented coins, with the light install (no torch, no TensorFlow, no Node)
#   make setup    everything that work on coindex needs
#   make check    set up what is missing, then linters, types and the quick tests
#   make test     set up what is missing, then every check and every test
#   make docs     the documentation as a site, in build/site, without the network; built in make test too
#   make package  wheel and sdist, each tried in an empty environment; part of make test
#   make bench    the benchmarks, at their small sizes
#   make gpu      train an embedder from a pack on a GPU, and compare a store's answers with Faiss (docs/training.md)
#   make serve    the catalogue server on http://127.0.0.1:8000

PYTHON ?= python3
VENV ?= .venv
EXTRAS := heic,server,scale,s3,validate,training,export,benchmarks,dev
WEB := mobile_assets/web
KOTLIN := mobile_assets/native/kotlin

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip
WORKERS ?= logical

# The light install runs on Python 3.11 and newer, the full one on 3.11 alone: TensorFlow and onnx2tf are held there.
# $(call need,SAID,TEST): what the environment holds, or would be made with, passes TEST of the version as a number.
need = python=$$(command -v $(BIN)/python || echo $(PYTHON)); \
  "$$python" -c 'import sys; sys.exit(not sys.hexversion >> 16 $(2))' 2>/dev/null || { \
    echo "this needs Python $(1), $$python is $$("$$python" --version 2>&1);" \
      "remove $(VENV) where it is there, and name another: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }

# Tests run side by side: each process with one thread for its arithmetic.
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS)

# What is installed is noted in these files, each written last, so that a half-done install is never taken for a whole one.
DEPENDENCIES := $(VENV)/.coindex-dependencies
CHECKOUT := $(VENV)/.coindex-checkout
KEY := $(shell cat constraints.txt pyproject.toml | cksum)

.PHONY: setup demo check test docs package bench gpu serve lint web venv python-311 light full

setup: full
	@if command -v npm >/dev/null && ! cmp -s $(WEB)/package-lock.json $(WEB)/node_modules/.coindex-lock; then \
	  cd $(WEB) && npm ci --no-audit --no-fund && cp package-lock.json node_modules/.coindex-lock; \
	fi
	@if command -v npm >/dev/null && command -v javac >/dev/null && \
	    ! cmp -s $(KOTLIN)/package-lock.json $(KOTLIN)/node_modules/.coindex-lock; then \
	  cd $(KOTLIN) && npm ci --no-audit --no-fund && cp package-lock.json node_modules/.coindex-lock; \
	fi

demo: light
	$(BIN)/coindex demo

check: setup lint
	$(PYTEST) -q -m "not slow"

test: setup lint web
	$(PYTEST)

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

web:
	@if [ -d $(WEB)/node_modules ]; then cd $(WEB) && npm run check && npm run lint && npm test; \
	  else echo "no Node here: the phone app's own checks are left out"; fi

# Strict: a warning, such as of a link that leads nowhere, ends it.
docs: full
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo "open build/site/index.html"

package: setup
	$(BIN)/python -m pytest tests/packaging

bench: full
	@for benchmark in benchmarks/*.py; do \
	  if [ -e "$$benchmark" ]; then $(BIN)/python "$$benchmark" --quick || exit 1; else echo "no benchmarks yet"; fi; \
	done

# A machine with a GPU, lent for minutes: PACK is written beforehand by `coindex train pack`. Called again, a stopped run
# goes on. STORE, where it is given, is a published store whose answers are compared with Faiss's, on the GPU where there
# is a Faiss for it; the reports are below OUT.
PACK ?= coins.npz
PRESET ?= mobile
WEIGHTS ?= hub
DEVICE ?= cuda
OUT ?= runs/gpu
STORE ?=
gpu:
	$(BIN)/coindex train embedder --data $(PACK) --preset $(PRESET) --weights $(WEIGHTS) --device $(DEVICE) --run $(OUT)/embedder
	@if [ -n "$(STORE)" ]; then \
	  $(BIN)/coindex validate --store $(STORE) --engine faiss --report $(OUT)/validation; \
	else echo "no STORE given: nothing to compare with Faiss"; fi

serve: light
	$(BIN)/coindex serve

venv:
	@$(call need,3.11 or newer,>= 0x030b)
	@if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then $(PYTHON) -m venv $(VENV); fi

# The light install is part of the full one.
light: venv
	@if ! { echo "full $(KEY)"; echo "light $(KEY)"; } | grep -qxFf - $(DEPENDENCIES) 2>/dev/null; then \
	  rm -f $(DEPENDENCIES); \
	  $(PIP) install -c constraints.txt -e '.[server]' && \
	  echo "$(CURDIR)" > $(CHECKOUT) && echo "light $(KEY)" > $(DEPENDENCIES); \
	fi
	@$(LINK)

python-311:
	@$(call need,3.11,== 0x030b)

full: python-311 venv
	@if ! echo "full $(KEY)" | cmp -s - $(DEPENDENCIES); then \
	  rm -f $(DEPENDENCIES); \
	  $(PIP) install -c constraints.txt -e '.[$(EXTRAS)]' && \
	  echo "$(CURDIR)" > $(CHECKOUT) && echo "full $(KEY)" > $(DEPENDENCIES); \
	fi
	@$(LINK)

# An environment that another checkout made is made to run this one.
LINK = echo "$(CURDIR)" | cmp -s - $(CHECKOUT) || { \
	rm -f $(CHECKOUT); $(PIP) install --no-deps -e . && echo "$(CURDIR)" > $(CHECKOUT); }
