"""A scripted model: a small server that speaks the Anthropic Messages API and plays scripts from files.

It stands apart. It imports nothing of the house and the house reaches it only over HTTP, so whatever works
against it works against any other server that speaks the same API.
"""
