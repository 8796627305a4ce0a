# Every target sets up .venv first if it is missing or older than the lock.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
BLISS := .cache/bench-bliss/.installed
PEERS := .cache/bench-search/.installed
TRACKS ?= 10000,100000,500000

PORT ?= 8000
DAGSTER_PORT ?= 3000
DATA ?= $(CURDIR)/data/$(if $(MUSIC),library,demo)
# Users name folders as the shell does; ~ is only expanded by it, so it is expanded again here.
expanded = $(patsubst ~%,$(HOME)%,$(1))

# Ctrl-C reaches make, the shell and the command: only the last decides how it ends.
CALM := trap : INT;
STOPPED := || [ $$? -eq 130 ]

.PHONY: demo up dev test test-all torture lint format
.PHONY: bench bench-embed bench-ingest bench-search evaluate lock clean

demo: ## the whole path on some music, then serve it: make demo [MUSIC=~/Music] [DATA=] [PORT=] [DAGSTER_PORT=]
	@$(PYTHON) soundalike/tcp_ports.py PORT $(PORT) DAGSTER_PORT $(DAGSTER_PORT)
	@$(MAKE) --no-print-directory $(INSTALLED)
	@$(CALM) SOUNDALIKE_DATA="$(call expanded,$(DATA))" SOUNDALIKE_PORT=$(PORT) \
	 SOUNDALIKE_DAGSTER_PORT=$(DAGSTER_PORT) $(BIN)/soundalike demo $(if $(MUSIC),"$(call expanded,$(MUSIC))") $(STOPPED)

dev: $(INSTALLED) ## serve, reloading the API on every change
	@$(CALM) ENVIRONMENT=development $(BIN)/soundalike up $(STOPPED)

test: $(INSTALLED) ## the default suite, with coverage
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile --cov --cov-report=term:skip-covered -m "not slow"

test-all: $(INSTALLED) ## the long tests too
	$(BIN)/pytest

torture: $(INSTALLED) ## kill -9 at every stage, fifty times, while the API serves; minutes
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.torture.campaign

lint: $(INSTALLED) ## formatting, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALLED) ## format and sort imports
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(INSTALLED) $(BLISS) $(PEERS) ## every benchmark
	@for file in benchmarks/bench_*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

bench-embed: $(INSTALLED) $(BLISS) ## embedding: speed against the plain baseline and a peer, memory
	$(BIN)/python benchmarks/bench_embed.py

bench-ingest: $(INSTALLED) ## what an album costs in libraries of 1 000, 10 000 and 100 000 tracks
	$(BIN)/python benchmarks/bench_ingest.py

bench-search: $(INSTALLED) $(PEERS) ## search: kinds, filters, load, HTTP, peers: make bench-search [TRACKS=10000,100000]
	$(BIN)/python benchmarks/bench_search.py $(TRACKS)

ifdef MUSIC
evaluate: EVALUATED = "$(call expanded,$(MUSIC))" --labels "$(call expanded,$(or $(LABELS),folder))"
else
evaluate: EVALUATED = .cache/music/first --labels .cache/music/first.csv
endif
evaluate: $(INSTALLED) ## how good the neighbours are: make evaluate [MUSIC=~/Music LABELS=folder|tag:genre|FILE.csv] [OUT=]
	$(if $(MUSIC),,$(BIN)/python benchmarks/game_music.py)
	@SOUNDALIKE_DATA="$${SOUNDALIKE_DATA:-$(CURDIR)/.cache/evaluate}" \
	 SOUNDALIKE_MODELS="$${SOUNDALIKE_MODELS:-$(CURDIR)/.cache/models}" \
	 SOUNDALIKE_MODEL="$${SOUNDALIKE_MODEL:-musicnn-msd}" \
	 $(BIN)/soundalike evaluate $(EVALUATED) --out "$(or $(OUT),.cache/quality)"

$(BLISS): # an environment of its own: it is a peer to measure against, not a dependency
	@$(PYTHON) -m venv --clear $(dir $(BLISS))
	@$(dir $(BLISS))bin/python -m pip install --quiet bliss-audio==0.2.0
	@touch $@

$(PEERS): # likewise: what a user might take instead of our search
	@$(PYTHON) -m venv --clear $(dir $(PEERS))
	@$(dir $(PEERS))bin/python -m pip install --quiet usearch==2.26.6 hnswlib==0.8.0 voyager==2.2.3 lancedb==0.40.0
	@touch $@

lock: $(INSTALLED) ## write what is installed as requirements.lock
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' > requirements.lock

clean: ## remove what can be made again; your data root stays
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage build *.egg-info

$(INSTALLED): pyproject.toml requirements.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint requirements.lock 'torch==2.13.0'
	$(BIN)/python -m pip install --quiet --constraint requirements.lock --editable '.[demo,dev,evaluate,s3]'
	@touch $@
