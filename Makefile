# `make demo` and `make test` set up what they need, in .venv beside this file.
# To use another Python: make demo PYTHON=python3.12

PYTHON ?= python3
N ?= 10000
JSON ?= build/bench.json
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo test conformance families lint types fuzz wheel-check bench bench-compare docs site clean bundle

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# An empty file marks that the dependencies in pyproject.toml are installed, so that they are
# installed only once.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --editable ".[dev]"
	@touch $@ $(VENV)/.installed

demo: $(VENV)/.installed ## Points on a photo, a model that learns, a board: two to three minutes
	@echo "1. The model that comes with the zoo, on a photograph"
	$(BIN)/python docs/examples/photo.py runs/demo/photo.jpg
	$(BIN)/zoo predict runs/demo/photo.jpg --out runs/demo/photo
	@echo; echo "2. A small network learns faces that are drawn, so there is nothing to download"
	$(BIN)/zoo train timm:mobilenetv4_conv_small --dataset synthetic --recipe quick \
		--set input_size=64 --epochs 16 --out runs/demo
	$(BIN)/python docs/examples/draw_faces.py runs/demo/face.png
	$(BIN)/zoo predict "$$(ls -dt runs/demo/timm-*/ | head -n 1)" runs/demo/face.png --out runs/demo/drawn
	@echo; echo "3. The seed's network, custom_cnn, for two epochs"
	$(BIN)/zoo train custom_cnn --dataset synthetic --recipe custom_cnn --epochs 2 --batch-size 8 \
		--out runs/demo
	@echo; echo "4. The board: validation people whom neither network has seen in training"
	$(BIN)/zoo leaderboard runs/demo
	@echo "The last row is the baseline: the mean face, which ignores the picture. The small network is"
	@echo "better than that, since the recipe quick trains heat maps, which tell it where to look from"
	@echo "the first step on. custom_cnn gives all points at once, from one vector, and learns slower."
	@echo "The pictures: runs/demo/photo/photo-points.jpg and runs/demo/drawn/face-points.png"

# One process for each core and one more, since processes often wait for others; each has one thread.
# The tests of a file run in one process, since they share expensive fixtures. Files keep their order:
# otherwise files with one long test would run last, alone. Python may write compiled modules, since
# hundreds of processes read them.
test: $(VENV)/.installed-dev ## Run the tests
	OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/pytest --dist loadfile --no-loadscope-reorder \
		--numprocesses $$($(BIN)/python -c 'import os; print((os.cpu_count() or 1) + 1)')

conformance: $(VENV)/.installed-dev ## The full kit on all built-in plugins (`make test`: less for large ones, 3 of 10 of timm)
	$(BIN)/pytest tests/testing/test_builtins.py --conformance full -rA --durations 0

families: $(VENV)/.installed-dev ## Describe one network of each of timm's modules, and train it for one step
	$(BIN)/pytest tests/plugins/test_timm_families.py --conformance full -rA --durations 0

lint: $(VENV)/.installed-dev ## Check style and formatting
	$(BIN)/ruff check
	$(BIN)/ruff format --check

# A strict editable install makes a tree of links in which zoo/plugins, zoo/datasets and
# zoo/evaluation are where they are imported from. mypy needs this tree, since the folder zoo/ in the
# root lacks them. The tree is in a separate folder, and is made again each time to include new files;
# the environment keeps its normal install.
types: $(VENV)/.installed-dev ## Check types
	rm -rf build/strict build/__editable__.*
	$(PIP) install --quiet --no-deps --no-build-isolation --config-settings editable_mode=strict \
		--target build/strict --editable .
	cd build/__editable__.* && "$(CURDIR)/$(BIN)/mypy" --config-file "$(CURDIR)/pyproject.toml" \
		--cache-dir "$(CURDIR)/.mypy_cache" -p zoo

fuzz: $(VENV)/.installed-dev ## Damage files that the zoo reads, and read them: make fuzz N=10000
	FUZZ_CASES=$(N) OMP_NUM_THREADS=1 $(BIN)/pytest tests/fuzz --numprocesses auto --dist worksteal

wheel-check: $(VENV)/.installed-dev ## Build the wheel and try it in an empty environment
	.ci/check-wheel $(BIN)/python

bench: $(VENV)/.installed-dev ## Time the command line, the data path and the training loop
	@mkdir -p $(dir $(JSON))
	$(BIN)/pytest tests/benchmarks --benchmark-enable --benchmark-only --benchmark-json $(JSON)

bench-compare: $(VENV)/.installed-dev ## Two benches side by side: make bench-compare BEFORE=a.json AFTER=b.json
	$(BIN)/pytest-benchmark compare $(BEFORE) $(AFTER) --group-by name --columns min,median,rounds

docs: $(VENV)/.installed-dev ## Write the board from docs/records, and draw it
	$(BIN)/python docs/examples/write_board.py docs
	$(BIN)/python docs/examples/draw_board.py docs/records docs/images/board.svg

bundle: $(VENV)/.installed ## Ship a run with the package: make bundle RUN=runs/... NAME=... SUMMARY="..."
	$(BIN)/python docs/examples/pack_model.py "$(RUN)" "$(NAME)" "$(SUMMARY)"

# Broken links, pages outside the navigation and docstrings that do not parse are errors. The network
# is not used.
site: $(VENV)/.installed-dev ## Build the pages into build/site
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet --fresh-env -d build/site-cache docs build/site
	$(BIN)/zoo leaderboard docs/records --out build/site/board.html
	@echo "build/site/index.html"

clean: ## Remove what was built; .venv and runs stay
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .benchmarks .hypothesis
	find zoo plugins datasets evaluation tests -name __pycache__ -prune -exec rm -rf {} +
