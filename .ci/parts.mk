# The parts of CI, and what each of them needs to be there. What no other suite waits for gives way to the others.
.PHONY: all check test first rest laboratory images browser load docker kubernetes e2e slow
PART = @.ci/part $@
SUITE = -$(PART) # what comes behind it is run also where it fails; .ci/run sees that it did
MAKE_IT = $(MAKE) --no-print-directory --file=Makefile
TIMES = .cache/ci/$@.json

all: check test browser load docker kubernetes e2e slow

# What containers have in them comes first.
first:
	$(PART) scripts/build-binaries cometbft simd docker-compose cosmovisor wasmd

check:
	$(PART) $(MAKE_IT) check

test: check
	$(SUITE) $(MAKE_IT) test ARGS=--times=$(TIMES)

images: first
	$(PART) scripts/images cometbft simd

laboratory:
	$(PART) nice -n 10 scripts/kubernetes-lab

rest: images
	$(PART) scripts/build-binaries

browser: test
	$(SUITE) $(MAKE_IT) browser ARGS=--times=$(TIMES)

# Crowds need a machine that does little else.
load: | browser rest
	$(SUITE) $(MAKE_IT) load

kubernetes: images laboratory | docker
	$(SUITE) $(MAKE_IT) kubernetes ARGS=--durations=15

docker: images
	$(SUITE) $(MAKE_IT) docker ARGS=--durations=15

# Behind those that need no binary: two suites at a time are enough for two cores.
e2e: rest | load
	$(SUITE) $(MAKE_IT) e2e ARGS=--durations=15

# When nothing else runs. What needs chain binaries, an engine or a cluster has a limit for each test alone (pytest-timeout): one of
# them builds for minutes, and to run it again would take longer than all the rest.
slow: test browser | e2e docker kubernetes
	$(PART) $(MAKE_IT) slow ARGS="$(patsubst %,.cache/ci/%.json,$^)"
