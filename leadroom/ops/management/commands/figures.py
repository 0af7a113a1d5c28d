"""`manage.py figures [--check]`: the definitions of docs/outcomes.md from the text that the page shows."""

from django.conf import settings

from leadroom.ops.generated import GeneratedDocCommand
from leadroom.outcomes.definitions import as_markdown

_BEGIN, _END = "<!-- manage.py figures writes from here -->\n", "<!-- to here -->\n"


class Command(GeneratedDocCommand):
    help = "Writes the definitions of figures into docs/outcomes.md, or checks that they are fresh."
    path = "docs/outcomes.md"

    def text(self) -> str:
        before, _, rest = (settings.BASE_DIR / self.path).read_text(encoding="utf-8").partition(_BEGIN)
        return f"{before}{_BEGIN}{as_markdown()}{_END}{rest.partition(_END)[2]}"
