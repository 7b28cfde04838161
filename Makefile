# `make table1`, `make test` and `make lint` set everything up by themselves.
VENV := .venv
PYTHON ?= python3
CORES ?= 8
# Processes that test side by side: as many as there are cores, at most 8.
TESTERS ?= logical
# A client for a test, installed without dependencies, whose OpenCV and ONNX Runtime would replace
# ours.
CLIENT := rtmlib==0.0.16
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: setup packages table1 tables teachers test gpu docs lint lock clean

setup: $(VENV)/ready

$(VENV)/ready: requirements.lock pyproject.toml Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "posecache needs Python >= 3.11; choose one with: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --requirement requirements.lock
	$(VENV)/bin/python -m pip install --quiet --no-deps $(CLIENT)
	$(VENV)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

# Programs of Debian that some tests run, a Slurm and a browser; they skip where these are missing.
packages:
	apt-get -qq update
	DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends \
		$(shell cat envs/debian.txt) > /dev/null

table1: setup
	snakemake --cores $(CORES) results/tables/table1.csv

tables: setup
	snakemake --cores $(CORES)

# The demo's teachers, which lie in the repository; config.yaml names their sha256.
teachers: setup
	snakemake --cores $(CORES) --configfile configs/teachers.yaml
	python docs/demo_teachers.py

test: setup
	pytest --numprocesses $(TESTERS) --maxprocesses 8 --dist loadfile --no-loadscope-reorder

# The tests that run on a GPU, and what training and caching cost there: docs/gpu.md.
# `make gpu WITH=python3` sets nothing up and takes that Python as it is. There, warnings of other
# versions are no errors.
gpu: $(if $(WITH),,setup)
	PYTHONPATH=workflow_scripts$${PYTHONPATH:+:$$PYTHONPATH} $(or $(WITH),python) -m pytest \
		-W default -k cuda tests/test_cuda.py tests/training
	PYTHONPATH=workflow_scripts$${PYTHONPATH:+:$$PYTHONPATH} $(or $(WITH),python) benchmarks/gpu.py

# The documentation as a site, which needs no network: build/site/index.html.
docs: setup
	sphinx-build -E -q -W --keep-going docs build/site

lint: setup
	@ruff check . || { echo "to mend: .venv/bin/ruff check --fix ."; exit 1; }
	@ruff format --check . || { echo "to mend: .venv/bin/ruff format ."; exit 1; }
	@snakefmt --check Snakefile rules || { echo "to mend: .venv/bin/snakefmt Snakefile rules"; exit 1; }
	mypy
	mypy benchmarks
	mypy workflow_scripts/*.py docs/*.py
	snakemake --lint

# Exact versions for every Python and platform: all are in requirements.lock; those needed to run
# are also in envs/posecache.yaml, which Snakemake copies elsewhere. torch itself pins the CUDA
# packages of its wheel; naming them here would force them on those who install its CPU wheel.
COMPILE = uv pip compile pyproject.toml --universal --python-version 3.11 --no-annotate --no-header \
	--quiet $(foreach name,$(CUDA),--no-emit-package $(name))

lock: setup
	$(COMPILE) --extra dev --output-file requirements.lock
	sed '/^ *- pip:/q' envs/posecache.yaml > envs/.partial.yaml
	$(COMPILE) --constraint requirements.lock | sed 's/^/    - /' >> envs/.partial.yaml
	mv envs/.partial.yaml envs/posecache.yaml

CUDA := cuda-bindings cuda-pathfinder cuda-toolkit triton nvidia-cublas nvidia-cuda-cccl \
	nvidia-cuda-cupti nvidia-cuda-nvrtc nvidia-cuda-runtime nvidia-cudnn-cu13 nvidia-cufft \
	nvidia-cufile nvidia-curand nvidia-cusolver nvidia-cusparse nvidia-cusparselt-cu13 \
	nvidia-nccl-cu13 nvidia-nvjitlink nvidia-nvshmem-cu13 nvidia-nvtx

clean:
	rm -rf results/samples results/models results/logits results/scores results/tables \
		results/report results/logs results/benchmarks data/demo
