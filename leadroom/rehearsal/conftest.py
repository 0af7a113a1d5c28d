"""The demonstration repository has tests of its own; they are not ours to collect."""

collect_ignore = ["repository"]
