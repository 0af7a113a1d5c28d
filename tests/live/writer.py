"""A holder's pen as a process of its own: `python -m tests.live.writer RUN COUNT PER_SECOND`, one event a batch."""

import sys
import time

import django


def main() -> None:
    """Append the events; a broker that is away costs nothing but hints."""
    django.setup()
    from leadroom.agents.models import Run
    from tests.live import house

    run_id, count, rate = (int(word) for word in sys.argv[1:])
    run = Run.objects.get(pk=run_id)
    began = time.monotonic()
    for n in range(count):
        time.sleep(max(0.0, began + n / rate - time.monotonic()))
        house.say(run, [f"line {n}"])


if __name__ == "__main__":
    main()
