"""Split what a group spent. Every module here is a command: `configure` its arguments, then `run` it."""
