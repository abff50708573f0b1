# The two commands of the README are `make demo` and `make test`; `make help` lists the rest.
.PHONY: help setup train-setup data-setup bench-setup security-setup demo test test-fast lint bench clean
SHELL := /bin/bash
IN_WORKSPACE = . install/setup.bash &&

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup:  ## environment, ROS 2, workspace; seconds when it is done already; with GPU=1 for NVIDIA GPUs (docs/gpu.md), GPU=0 back
	@bash tools/setup/setup.sh

train-setup:  ## what training and export need on top (torch)
	@bash tools/setup/setup.sh train.txt

data-setup:  ## what writing LeRobot data sets and rosbags needs on top
	@bash tools/setup/setup.sh train.txt data.txt

bench-setup:  ## what language metrics need on top (sacrebleu, nltk, pycocoevalcap, MiniLM's weights)
	@bash tools/setup/setup.sh train.txt data.txt bench.txt

security-setup:  ## what making keys for SROS 2 needs on top
	@bash tools/setup/setup.sh security.txt

demo: setup  ## say how, and a simulated Cobot Magic does it: video and report in out/demo; ARGS=--interactive stays up
	@$(IN_WORKSPACE) finevla demo $(ARGS)

test:  ## set up everything, lint, types, all tests
	@bash tools/setup/setup.sh dev.txt train.txt data.txt bench.txt security.txt
	@$(MAKE) --no-print-directory lint
	@$(IN_WORKSPACE) bash tools/setup/run_tests.sh

test-fast:  ## the everyday subset, under three minutes
	@bash tools/setup/setup.sh dev.txt security.txt
	@$(IN_WORKSPACE) python -m pytest -m "not stack and not slow"

lint:  ## ruff and mypy
	@$(IN_WORKSPACE) ruff check . && ruff format --check . && mypy

bench:  ## measure this machine and print the table of test/benchmark
	@bash tools/setup/setup.sh dev.txt
	@$(IN_WORKSPACE) python test/benchmark/bench.py $(ARGS)

clean:  ## remove what was built, keep .venv and data
	rm -rf build install log out
