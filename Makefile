# Two commands for people: `make run` and `make test`. All logic is in leadroom/ops/setup_env.py,
# which also works without make: python3 leadroom/ops/setup_env.py run
PYTHON ?= python3
ARGS ?=
DO = $(PYTHON) leadroom/ops/setup_env.py

.PHONY: run setup test check bench
run:
	@exec $(DO) run $(ARGS)
setup:
	@$(DO) setup $(ARGS)
test:
	@$(DO) test $(ARGS)
check:
	@$(DO) check
bench:
	@$(DO) bench $(ARGS)
