"""What can go wrong, in words for the person at the keyboard."""


class EvenlyError(Exception):
    """A mistake the person can put right; its text says how."""


class NoSuchGroup(EvenlyError):
    """A name that no group has."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(name)
        self.name = name
        self.known = known

    def __str__(self) -> str:
        return f"no group named '{self.name}'."
