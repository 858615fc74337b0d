"""Bars of an SVG chart, without colours or texts: those are the page's."""

from collections.abc import Sequence
from dataclasses import dataclass

STEP, GAP, HEIGHT = 10, 2, 100
"""In the units of the viewBox, which is stretched to the room that there is."""
LEAST = 2
"""So high is at least what is not nothing."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar that stands on the ground, `part` of it of another kind, below the rest."""

    x: int
    y: float
    height: float
    part_y: float
    part_height: float
    width: int = STEP - GAP


@dataclass(frozen=True, slots=True)
class Bars:
    """One bar a value, the highest as high as the chart; `width` and `height` are those of the viewBox."""

    bars: Sequence[Bar]
    width: int
    height: int = HEIGHT

    @classmethod
    def of(cls, values: Sequence[int], parts: Sequence[int] | None = None) -> "Bars":
        """`parts`: how much of each value is of the other kind."""
        most = max(values, default=0)
        drawn = zip(values, parts or [0] * len(values), strict=True)
        bars = [_bar(place, _height(value, most), _height(part, most)) for place, (value, part) in enumerate(drawn)]
        return cls(bars, STEP * len(values))


def _height(value: int, most: int) -> float:
    return max(round(HEIGHT * value / most, 1), LEAST) if value else 0


def _bar(place: int, height: float, part: float) -> Bar:
    height = max(height, part)
    return Bar(
        x=STEP * place + GAP // 2,
        y=round(HEIGHT - height, 1),
        height=round(height - part, 1),
        part_y=round(HEIGHT - part, 1),
        part_height=part,
    )
