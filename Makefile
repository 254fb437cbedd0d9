# Everything on a fresh machine that has Python >= 3.10, make and bash:
#
#   make demo    install, make synthetic data, train, test, draw pictures
#   make test    install and run all tests
#
# Both install into .venv, and reuse it as long as what they install is unchanged: requirements.txt,
# constraints.txt and pyproject.toml.
# Both build the operators of ops/ where there is a C++ compiler, and again when their sources change;
# AVSBENCH_OPS_OPTIONAL=0 makes it an error where they can't be built.
# make demo PYTHON=/path/to/python3.11 chooses the interpreter, make test JOBS=4 the processes.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help install demo test lint clean clean-demo

PYTHONS := $(or $(PYTHON),python3.12 python3.11 python3.13 python3.10 python3 python)
JOBS ?= 2
VENV := .venv
PY := $(VENV)/bin/python
# What the tests import besides the requirements (extra dev of pyproject.toml).
TOOLS := import av, gradio, h5py, material, mkdocstrings, ninja, onnx, onnxruntime, onnxscript, pycocotools, \
    pytest, selenium, setuptools, skimage, tensorboard, transformers, xdist
# Where constraints.txt has the exact versions; elsewhere pip chooses.
TESTED := import sys; sys.exit((sys.version_info[:2], sys.platform) != ((3, 11), "linux"))
# The stamp's name changes with what is to be installed, and where.
STAMP := $(VENV)/.installed-$(shell { cat requirements.txt constraints.txt pyproject.toml; pwd; } | cksum | cut -d ' ' -f 1)
# So does this one's, with the sources of the operators.
OPS := ops/build/.built-$(shell find ops/csrc ops/make.sh ops/setup.py -type f | LC_ALL=C sort \
    | xargs cat | cksum | cut -d ' ' -f 1)

DATA := data/synthetic/Single-source
DEMO := work_dir/s4/demo
BEST := $(DEMO)/best_mIoU.pth

help:
	@sed -n 's/^#   //p' Makefile

install: $(STAMP)

demo: $(STAMP) $(OPS)
	@if [ ! -f $(DATA)/MANIFEST.sha256 ]; then \
	    echo '== 1/4 synthetic data'; \
	    $(PY) tools/synthetic.py clips --subset s4 --preset default --size 64 --seed 0 \
	        --out data/synthetic --overwrite; \
	fi
	@echo '== 2/4 training'
	@PYTHON=$(PY) bash train.sh s4 config/s4/demo.py --resume
	@echo '== 3/4 test'
	@PYTHON=$(PY) bash test.sh s4 config/s4/demo.py $(BEST)
	@echo '== 4/4 pictures'
	@$(PY) tools/show_predictions.py config/s4/demo.py $(BEST) --out $(DEMO)/pictures --overwrite
	@echo
	@echo 'Done. What is where:'
	@echo '  data        $(DATA)/  (its README.md says what the numbers mean)'
	@echo '  checkpoint  $(BEST)'
	@echo '  results     $(DEMO)/results/test.json'
	@echo '  pictures    $(DEMO)/pictures/'
	@echo '  logs        $(DEMO)/*/*.log'
	@echo 'Use it: source $(VENV)/bin/activate, then bash train.sh s4 config/s4/pvt2.py (README.md)'

# One thread for each of the processes: two parity tests at full size fit into 12 GB.
test: $(STAMP) $(OPS)
	@OMP_NUM_THREADS=1 $(PY) -m pytest -n $(JOBS) --dist worksteal

lint: $(STAMP)
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

clean:
	rm -rf build dist ./*.egg-info .pytest_cache .ruff_cache
	rm -rf ops/build ops/*.egg-info ops/avsbench_ops/*.so
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

clean-demo:
	rm -rf $(DATA) $(DEMO)

$(STAMP):
	@if ! $(PY) -c '' 2> /dev/null; then \
	    for name in $(PYTHONS); do \
	        if "$$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' \
	            2> /dev/null; then found="$$name"; break; fi; \
	    done; \
	    if [ -z "$${found:-}" ]; then \
	        echo 'error: none of "$(PYTHONS)" is Python 3.10 or newer with the module venv' \
	            '(on Debian: apt install python3-venv); name one: make $(or $(MAKECMDGOALS),demo)' \
	            'PYTHON=/path/to/python3' >&2; \
	        exit 2; \
	    fi; \
	    echo "== making $(VENV) with $$("$$found" --version)"; \
	    "$$found" -m venv --clear $(VENV); \
	fi
	@rm -f $(VENV)/.installed-*
	@if $(PY) -m pip install -q --disable-pip-version-check --dry-run --no-index \
	        -r requirements.txt > /dev/null 2>&1 && $(PY) -c '$(TOOLS)' 2> /dev/null; \
	then \
	    echo '== $(VENV) has everything already'; \
	else \
	    echo '== installing into $(VENV): a few GB, some minutes'; \
	    constraints=$$($(PY) -c '$(TESTED)' && echo '-c constraints.txt' || true); \
	    $(PY) -m pip install -q --disable-pip-version-check $$constraints \
	        -r requirements.txt -e '.[dev]' || { \
	        echo 'error: pip failed, see above; if the network is to blame, try again: what is' \
	            'installed stays' >&2; \
	        exit 2; \
	    }; \
	fi
	@if ! $(PY) -c 'import cv2' 2> /dev/null; then \
	    echo '== opencv finds no display libraries here: taking its headless build'; \
	    $(PY) -m pip uninstall -q -y opencv-python; \
	    $(PY) -m pip install -q --disable-pip-version-check --force-reinstall --no-deps \
	        opencv-python-headless; \
	fi
	@touch $@

# Without the stamp, which is not created if the build fails, the next make tries again. An old
# library is removed first: it must not run in place of one that can no longer be built.
$(OPS): $(STAMP)
	@echo '== building the operators of ops/: a minute or two, once'
	@rm -f ops/build/.built-* ops/avsbench_ops/*.so
	@PATH="$(abspath $(VENV))/bin:$$PATH" PYTHON=$(PY) \
	    AVSBENCH_OPS_OPTIONAL=$${AVSBENCH_OPS_OPTIONAL:-1} bash ops/make.sh
	@if [ -n "$$(find ops/avsbench_ops -name '*.so')" ]; then touch $@; fi
