# Set-up, build, tests and benchmarks. `make demo` and `make test` install everything they need, on a machine with only the
# Swift toolchain and Debian's or Ubuntu's apt.

APT_PACKAGES := libturbojpeg0-dev libpng-dev libzip-dev libssl-dev zlib1g-dev libdnnl-dev libopenblas-dev \
  dataset-fashion-mnist
SUDO := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)
SWIFT_SOURCES := Package.swift Sources Tests Benchmarks Examples
ONLY ?=
ROUNDS ?= 3
DOCUMENTED := MirageSupport MirageMedia MirageReports MirageStreams MirageTensors MirageNetworks MirageLearning \
  MirageAdversarial MirageEvaluation MirageSynthesis Mirage

.PHONY: setup demo test example mutate lint format bench interop stress fuzz docs venv

# Installs the missing system packages, and nothing else.
setup:
	@missing=; for package in $(APT_PACKAGES); do \
	  dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; \
	done; \
	if [ -n "$$missing" ]; then \
	  echo "Installing$$missing"; \
	  $(SUDO) apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends $$missing >/dev/null || \
	  { echo "These packages could not be installed:$$missing. Install them as root, then run make again."; exit 1; }; \
	fi

demo: setup
	swift build -c release --product mirage
	.build/release/mirage run Pipelines/quickstart.yaml --overwrite
	.build/release/mirage preview Pipelines/quickstart.yaml --output out/quickstart.png

test: setup lint
	swift build -c release --build-tests
	@swift test -c release --skip-build --disable-xctest --no-parallel > .build/test.log 2>&1; status=$$?; \
	grep -vE '(passed after|started\.|^◇)' .build/test.log; \
	echo "Cases over 5 s:"; grep -E 'passed after ([5-9]|[0-9]{2,})\.[0-9]+ seconds' .build/test.log | grep -vE 'Test run|Suite' || echo "  none"; \
	grep -E 'Test run with' .build/test.log | tail -n 1; \
	[ $$status = 0 ] && $(MAKE) --no-print-directory example || exit 1

# A user's own package: its augmentation is named in a pipeline file, and what imports MirageStreams alone links neither
# oneDNN nor OpenBLAS.
EXAMPLE := Examples/OwnAugmentation
example: setup
	swift build --package-path $(EXAMPLE) --scratch-path .build-example
	rm -rf $(EXAMPLE)/out
	.build-example/debug/own-mirage $(EXAMPLE)/pipeline.yaml
	@test "$$(grep -c '"kind": "augmented"' $(EXAMPLE)/out/metadata.jsonl)" = 10
	.build-example/debug/streams-only Samples/fashion-mnist
	@! ldd .build-example/debug/streams-only | grep -E 'libdnnl|libopenblas' || \
	  { echo "MirageStreams links what only networks need."; exit 1; }

# Small wrong changes that a test must notice, listed in Tests/Mutation/changes.txt. make mutate, or make mutate ONLY=crop-near
mutate: setup
	python3 Tests/Mutation/mutate.py --only "$(ONLY)"

lint:
	swift format lint --strict --recursive --parallel $(SWIFT_SOURCES)

format:
	swift format --in-place --recursive --parallel $(SWIFT_SOURCES)

venv: .venv/bin/python
.venv/bin/python:
	python3 -m venv .venv

# All benchmarks, or one: make bench ONLY=stream-fashion
bench: setup venv
	.venv/bin/pip install -q -r Benchmarks/Peers/requirements.txt
	swift build -c release --product mirage
	swift build -c release --product mirage-bench
	.build/release/mirage-bench --only "$(ONLY)" --rounds $(ROUNDS)

# PyTorch, torchvision, webdataset and Hugging Face read Mirage's files, and Mirage reads theirs.
interop: setup venv
	.venv/bin/pip install -q -r Tests/Interop/requirements.txt
	swift build -c release --product mirage
	.venv/bin/python Tests/Interop/interop.py --mirage .build/release/mirage --work out/interop

# Kills two hundred runs at random moments (twenty for each sink and format), resumes each, and compares the output with
# that of an uninterrupted run.
stress: setup
	swift build -c release --product mirage
	python3 Tests/Stress/kills.py --mirage .build/release/mirage --kills 20

# Runs mutated files through every reader, under AddressSanitizer.
fuzz: setup
	swift build -c release --product mirage-fuzz --sanitize=address --scratch-path .build-asan
	.build-asan/release/mirage-fuzz --iterations 100000

# Web pages of all modules, with the articles of Sources/Mirage/Mirage.docc.
docs: setup
	mkdir -p out
	swift package --allow-writing-to-directory out/docs generate-documentation \
	  --enable-experimental-combined-documentation $(DOCUMENTED:%=--target %) --output-path out/docs
	@echo "To read it: python3 -m http.server --directory out/docs, then http://localhost:8000/documentation/mirage"
