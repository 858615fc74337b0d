"""What the benchmarks found: printed as a table, written as JSON."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Finding:
    """One ratio. `runs`: the ratio of each run; `must`: what it must reach, None for what is printed only; `least`:
    whether more is better; `void`: that the runs say nothing."""

    number: str
    what: str
    runs: list[float]
    must: float | None = None
    least: bool = True
    void: bool = False
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        return statistics.median(self.runs)

    @property
    def missed(self) -> bool:
        if self.must is None:
            return False
        return self.void or (self.ratio < self.must if self.least else self.ratio > self.must)

    @property
    def state(self) -> str:
        if self.void:
            return "VOID"
        if self.must is None:
            return ""
        return "MISSED" if self.missed else "reached"

    def __str__(self) -> str:
        wanted = "printed only" if self.must is None else f"must be {'≥' if self.least else '≤'} {self.must}"
        runs = " ".join(f"{run:.2f}" for run in self.runs)
        lines = [f"{self.number:<4}{self.what:<66}{self.ratio:>7.2f}  {wanted:<14} {self.state:<8} runs: {runs}"]
        lines += [f"      {name}: {value}" for name, value in self.figures.items()]
        return "\n".join(lines)


def medians(runs: Sequence[dict[str, float]]) -> str:
    """The median of each figure over the runs, by name."""
    return ", ".join(f"{name} {statistics.median(run[name] for run in runs):,.0f}" for name in runs[0])


def write(findings: Sequence[Finding], vendor: str, path: Path | None) -> int:
    """Prints the findings of one database and adds them to the file; 1 when a promise is missed."""
    print(f"\n{vendor}")
    print(*findings, sep="\n", flush=True)
    if path is not None:
        known = json.loads(path.read_text()) if path.exists() else {}
        known[vendor] = known.get(vendor, {}) | {
            f"{each.number} {each.what}": asdict(each) | {"ratio": each.ratio, "missed": each.missed}
            for each in findings
        }
        path.write_text(json.dumps(known, indent=1))
    return int(any(each.missed for each in findings))
