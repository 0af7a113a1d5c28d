"""Where the marks of a plot go: geometry only, drawn by templates/outcomes/parts/plot.html."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from leadroom.outcomes.figures import Figure, Series, Weeks

WIDTH, HEIGHT = 560, 150
LEFT, TOP, UNDER = 48, 10, 30
TICKS = 4
TONES = {
    "Unplanned": "needs",
    "At planned gates": "accent",
    "Agent worked": "accent",
    "Waited for a human": "needs",
    "Waited for the machine": "quiet",
    "Went back": "needs",
    "Went straight through": "quiet",
    "Confirmed": "bad",
    "Suggested": "quiet",
    "Alignment": "accent",
    "Review": "needs",
    "Input tokens": "quiet",
    "Output tokens": "accent",
}


@dataclass(frozen=True)
class Mark:
    """A bar, or a whisker when it has no width; in the units of the view box."""

    x: float
    y: float
    width: float
    height: float
    tone: str
    title: str


@dataclass(frozen=True)
class Line:
    """A line through the weeks that have a value; `name` stands at its end."""

    points: str
    dots: tuple[tuple[float, float, str], ...]
    number: int
    name: str
    end: tuple[float, float]


@dataclass(frozen=True)
class Tick:
    at: float
    word: str


@dataclass(frozen=True)
class Plot:
    """Everything one drawing needs."""

    unit: str
    bars: tuple[Mark, ...] = ()
    lines: tuple[Line, ...] = ()
    legend: tuple[tuple[str, str], ...] = ()
    across: tuple[Tick, ...] = ()
    up: tuple[Tick, ...] = ()
    counts: tuple[Tick, ...] = field(default=())

    @property
    def is_empty(self) -> bool:
        return not (self.bars or self.lines)

    box = f"0 0 {WIDTH + LEFT + 8} {HEIGHT + TOP + UNDER + 4}"
    left, right, floor = LEFT, LEFT + WIDTH, TOP + HEIGHT
    names_at, counts_at = TOP + HEIGHT + 13, TOP + HEIGHT + 26


def draw(figure: Figure, weeks: Weeks) -> Plot:
    """The plot of a figure; empty when there is nothing to draw."""
    labels, titles = weeks.labels, [f"{weeks.word} {label}" for label in weeks.labels]
    if not figure.series:
        return Plot("")
    top = _nice(_highest(figure))
    step = WIDTH / len(labels)
    middles = [LEFT + step * (place + 0.5) for place in range(len(labels))]
    every = max(1, len(labels) // 13 + 1)
    across = tuple(
        Tick(round(x, 1), label) for n, (x, label) in enumerate(zip(middles, labels, strict=True)) if n % every == 0
    )
    up = tuple(Tick(round(_y(top * n / TICKS, top), 1), _number(top * n / TICKS)) for n in range(TICKS + 1))
    unit = figure.series[0].unit
    if figure.plot == "lines":
        return Plot(unit, lines=_lines(figure.series, middles, titles, top), across=across, up=up)
    counts = tuple(
        Tick(round(x, 1), f"n={n}") for x, n in zip(middles, figure.series[0].n, strict=True) if n and every == 1
    )
    if figure.plot == "range":
        bars = _ranges(figure.series, middles, titles, step, top)
        return Plot(unit, bars, across=across, up=up, counts=counts)
    legend = tuple((TONES[one.name], one.name) for one in figure.series)
    bars = _stack(figure.series, middles, titles, step, top)
    return Plot(unit, bars, legend=legend, across=across, up=up, counts=counts)


def _highest(figure: Figure) -> float:
    values = [[value or 0.0 for value in one.values] for one in figure.series]
    if figure.plot == "stack":
        return max(map(sum, zip(*values, strict=True)))
    return max(map(max, values))


def _nice(highest: float) -> float:
    """The end of the axis: four steps of 1, 2, 2.5 or 5 times a power of ten."""
    if highest <= 0:
        return float(TICKS)
    scale = 10.0 ** len(str(int(highest)))
    while scale > highest / TICKS:
        scale /= 10
    return next(TICKS * scale * k for k in (1, 2, 2.5, 5, 10) if TICKS * scale * k >= highest)


def _number(value: float) -> str:
    if value >= 10_000:
        return f"{value / 1e6:g}M" if value >= 1e6 else f"{value / 1e3:g}k"
    return f"{value:g}"


def _y(value: float, top: float) -> float:
    return TOP + HEIGHT * (1 - value / top)


def _stack(
    series: Sequence[Series], middles: Sequence[float], labels: Sequence[str], step: float, top: float
) -> tuple[Mark, ...]:
    width, marks = min(30.0, step * 0.6), []
    for place, x in enumerate(middles):
        under = 0.0
        for one in series:
            value = one.values[place] or 0.0
            if not value:
                continue
            title = f"{labels[place]}: {one.name.lower()} {value:,.4g} {one.unit}, n = {one.n[place]}"
            y, height = _y(under + value, top), HEIGHT * value / top
            marks.append(
                Mark(round(x - width / 2, 1), round(y, 1), round(width, 1), round(height, 1), TONES[one.name], title)
            )
            under += value
    return tuple(marks)


def _ranges(
    series: Sequence[Series], middles: Sequence[float], labels: Sequence[str], step: float, top: float
) -> tuple[Mark, ...]:
    """A whisker from lowest to highest, and a block at the middle."""
    width, marks = min(16.0, step * 0.4), []
    low, middle, high = series
    for place, x in enumerate(middles):
        if middle.values[place] is None:
            continue
        ends = _y(high.values[place] or 0, top), _y(low.values[place] or 0, top)
        title = (
            f"{labels[place]}: {low.values[place]:,.3g} to {high.values[place]:,.3g} {middle.unit}, "
            f"median {middle.values[place]:,.3g}, n = {middle.n[place]}"
        )
        marks.append(
            Mark(round(x - 1, 1), round(ends[0], 1), 2.0, round(max(1.0, ends[1] - ends[0]), 1), "quiet", title)
        )
        at = _y(middle.values[place] or 0, top)
        marks.append(Mark(round(x - width / 2, 1), round(at - 2, 1), round(width, 1), 4.0, "accent", title))
    return tuple(marks)


def _lines(series: Sequence[Series], middles: Sequence[float], labels: Sequence[str], top: float) -> tuple[Line, ...]:
    drawn = []
    for number, one in enumerate(series, start=1):
        dots = tuple(
            (
                round(x, 1),
                round(_y(value, top), 1),
                f"{one.name}, {label[0].lower()}{label[1:]}: {value:,.4g} {one.unit}, n = {n}",
            )
            for x, value, label, n in zip(middles, one.values, labels, one.n, strict=True)
            if value is not None
        )
        if dots:
            points = " ".join(f"{x},{y}" for x, y, _ in dots)
            drawn.append(Line(points, dots, number, one.name, dots[-1][:2]))
    return tuple(drawn)
