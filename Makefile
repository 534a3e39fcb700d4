# make          sets up .venv and runs the default experiment to its report
# make new      writes a config for your own file: asks five questions (or FILE=mine.csv TEXT=column LABEL=column ...)
# make explain  says which jobs a call would run, and why (CONFIG=configs/imdb.yaml for another experiment)
# make test     sets up .venv and runs the tests
# make test-quick   those that run no Snakemake: under two minutes
# make test-slow    the few that make test leaves to CI: some minutes, on a Slurm and through a submit command
# make check    formatting and lint, as CI runs them
# make benchmark   compares with transformers.Trainer (QUICK=1: a smaller sample); see benchmarks/README.md
# make lock     writes requirements.lock and envs/bitsweep.yaml anew from requirements.in
SHELL := /bin/bash
# The values of these are the user's: make must not expand them, above all not a `$`. Recipes take them from the
# environment.
ANSWERS := FILE TEXT LABEL PAIR QUOTING ENCODER MINUTES EXPERIMENT
$(foreach name,$(ANSWERS),$(eval override $(name) := $$(value $(name))))
export $(ANSWERS)
PYTHON ?= python3
CORES ?= all
BIN := .venv/bin
# A progress bar where there is a terminal to draw it on.
PROGRESS := $(if $(shell test -t 2 && echo yes),--logger rich)

.PHONY: run new explain setup test test-quick test-slow check benchmark lock

run: setup
	$(BIN)/snakemake --cores $(CORES) $(PROGRESS)

# The shell takes the answers from the environment, since a file's name may hold characters that a shell acts on.
new: setup
	@$(BIN)/python -m scripts.new_config \
	  $(if $(FILE),--file "$$FILE") $(if $(TEXT),--text "$$TEXT") $(if $(LABEL),--label "$$LABEL") \
	  $(if $(PAIR),--pair "$$PAIR") $(if $(QUOTING),--quoting "$$QUOTING") $(if $(ENCODER),--encoder "$$ENCODER") \
	  $(if $(MINUTES),--minutes "$$MINUTES") $(if $(EXPERIMENT),--name "$$EXPERIMENT")

explain: setup
	@plan=$$($(BIN)/snakemake --dry-run $(if $(CONFIG),--configfile $(CONFIG)) 2>&1) || { echo "$$plan"; exit 1; }; \
	jobs=$$(echo "$$plan" | sed -nE '/^(local)?(rule|checkpoint) /{s/:$$//;h}; /^ *(wildcards|reason):/H; /^(\[.*)?$$/{x;s/\n */ | /g;/reason/p;s/.*//;x}'); \
	echo "$${jobs:-Nothing would run.}"

setup: .venv/installed

.venv/installed: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "BitSweep needs Python 3.11 or newer, and $(PYTHON) is older: call make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-compile --requirement requirements.lock
	@# Compile now, on all cores: otherwise each of many processes would, where the environment forbids Python to store it.
	$(BIN)/python -m compileall -q -j 0 .venv/lib >/dev/null 2>&1 || true
	touch $@

# One process more than cores, since the tests of clusters mostly wait; no more than four.
PYTEST = $(BIN)/python -m pytest --dist loadfile --no-loadscope-reorder \
  --numprocesses $$($(BIN)/python -c "import os; print(min(4, (os.cpu_count() or 1) + 1))")

test: setup
	$(PYTEST) -m "not slow"

test-slow: setup
	$(PYTEST) -m slow

test-quick: setup
	$(PYTEST) --ignore tests/end_to_end

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules pretraining/Snakefile
	$(BIN)/snakemake --lint
	$(BIN)/snakemake --lint --configfile configs/imdb.yaml
	$(BIN)/snakemake --lint --configfile configs/size.yaml
	$(BIN)/snakemake --lint --snakefile pretraining/Snakefile

benchmark: setup .venv-benchmark/installed
	.venv-benchmark/bin/python -m benchmarks.run $(if $(QUICK),--quick)

.venv-benchmark/installed: requirements.lock benchmarks/requirements.txt
	$(PYTHON) -m venv .venv-benchmark
	.venv-benchmark/bin/python -m pip install --quiet --no-compile -r requirements.lock -r benchmarks/requirements.txt
	touch $@

lock:
	rm -rf .venv-lock
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --no-compile --requirement requirements.in
	.venv-lock/bin/python -m pip freeze | sed 's/+cpu$$//' > requirements.lock
	rm -rf .venv-lock
	$(PYTHON) -m envs.write
