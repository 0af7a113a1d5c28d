"""An answer that carries its reason."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """`ok`, and a sentence that explains a `False` to a human."""

    ok: bool
    reason: str = ""

    def __bool__(self) -> bool:
        return self.ok
