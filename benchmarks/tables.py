"""The tables that `make bench` prints, and that README.md and docs/performance.md show."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.half_load import Paced
from benchmarks.rounds import Cost

SHOWN: Final = {
    "gateway": "the gateway",
    "kept": "the gateway, no answer remembered",
    "afresh": "the gateway, nothing remembered",
    "usual": "usual Strawberry stack",
    "mercurius": "Mercurius + JIT",
    "bare": "bare ASGI bytes",
}
OURS: Final = ("gateway", "kept", "afresh")
THEIRS: Final = ("usual", "mercurius", "bare")
PAGES: Final = (Path("README.md"), Path("docs/performance.md"))

TARGETS: Final[Mapping[tuple[str, str], tuple[float | None, ...]]] = {
    ("Q1", "gateway"): (15, 0.5, 0.3),
    ("Q2", "gateway"): (45, 1.2, 0.35),
    ("Q2", "kept"): (30, 0.8, None),
    ("Q2", "afresh"): (30, 0.8, None),
    ("Q3", "gateway"): (150, 5, 0.3),
}
"""By query and server: at least so many times the rate of each of the others."""

Results = Mapping[str, Mapping[str, Cost]]


def servers_table(results: Results, *, about: Mapping[str, str]) -> str:
    """Every figure of every server."""
    lines = [
        "| query | server | us CPU per request | requests/s | p50 ms | p99 ms |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for label, costs in results.items():
        for at, (name, cost) in enumerate(costs.items()):
            what = f"{label}: {about[label]}" if not at else ""
            lines.append(
                f"| {what} | {SHOWN[name]} | {cost.cpu_us:,.0f} | {cost.per_second:,.0f} "
                f"| {cost.p50_ms:.2f} | {cost.p99_ms:.2f} |"
            )
    return "\n".join(lines)


def ratios_table(results: Results, *, about: Mapping[str, str], walks: Mapping[str, float]) -> str:
    """How many requests the gateway answers in the processor time of one of another server."""
    lines = [
        "| one core, times the rate of | usual Strawberry stack | Mercurius + JIT | bare ASGI bytes |",
        "| --- | ---: | ---: | ---: |",
    ]
    for label, costs in results.items():
        for name in OURS:
            if name in costs:
                what = f"{label}: {about[label]}" + SHOWN[name].removeprefix("the gateway")
                shares = (_ratio(costs, name=name, to=other) for other in THEIRS)
                lines.append(f"| {what} | {' | '.join(shares)} |")
    walked = f"{walks['usual'] / walks['gateway']:.1f}"
    lines.append(f"| Q7: a walk of 5,000 agents of a tenant never read before | {walked} | | |")
    return "\n".join(lines)


def _ratio(costs: Mapping[str, Cost], *, name: str, to: str) -> str:
    if to not in costs:
        return ""
    ratio = costs[to].cpu_us / costs[name].cpu_us
    return f"{ratio:,.0f}" if ratio >= 20 else f"{ratio:.1f}" if ratio >= 3 else f"{ratio:.2f}"


def targets_table(results: Results, *, about: Mapping[str, str]) -> str:
    """What was wanted beside what was measured."""
    lines = [
        "| measured (wanted) | usual Strawberry stack | Mercurius + JIT | bare ASGI bytes |",
        "| --- | ---: | ---: | ---: |",
    ]
    for (label, name), wanted in TARGETS.items():
        if name in results.get(label, {}):
            cells = (
                f"{_ratio(results[label], name=name, to=other)} ({least}{'' if ok else ', missed'})"
                if least
                else ""
                for other, least in zip(THEIRS, wanted, strict=True)
                for ok in [_is_reached(results[label], name=name, to=other, least=least)]
            )
            what = f"{label}: {about[label]}" + SHOWN[name].removeprefix("the gateway")
            lines.append(f"| {what} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _is_reached(costs: Mapping[str, Cost], *, name: str, to: str, least: float | None) -> bool:
    return least is None or to not in costs or costs[to].cpu_us / costs[name].cpu_us >= least


def latency_line(paced: Mapping[str, Sequence[Paced | None]]) -> str:
    """What a steady half of the most that a server does costs in time: the best of its windows, and all."""
    heads = (
        "Q2 at half of the server's most",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "p99 to p50",
        "in the median of windows",
        "windows without a figure",
    )
    lines = [f"| {' | '.join(heads)} |", "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for name, measured in paced.items():
        of, _, is_kept = name.partition(", ")
        shown = f"{SHOWN[of]}, its core kept from the kernel's other work" if is_kept else SHOWN[of]
        windows = [each for each in measured if each is not None]
        lost = f"{len(measured) - len(windows)} of {len(measured)}"
        if not windows:
            lines.append(f"| {shown} | | | | | | {lost} |")
            continue
        best = min(windows, key=lambda each: each.p99_ms)
        times = f"{best.p50_ms:.2f} | {best.p99_ms:.2f} | {best.spread:.1f}"
        middle = median(each.spread for each in windows)
        lines.append(f"| {shown} | {best.per_second:,.0f} | {times} | {middle:.1f} | {lost} |")
    return "\n".join(lines)


def walks_line(walks: Mapping[str, float]) -> str:
    """What a walk costs."""
    return (
        f"Q7, processor time of a walk of 5,000 agents: the gateway {walks['gateway']:.0f} ms where it never "
        f"read the tenant before, {walks['gateway, changed']:.0f} where one agent in ten is another, "
        f"{walks['gateway, again']:.0f} where all are as they were; "
        f"{SHOWN['usual']} {walks['usual']:.0f} ms."
    )


def write(parts: Mapping[str, str]) -> None:
    """Put each part where a page has its marks."""
    for page in PAGES:
        text = page.read_text("utf-8")
        for name, part in parts.items():
            marked = rf"(<!-- bench: {name} -->\n).*?(<!-- bench: end -->)"
            text = re.sub(
                marked, lambda marks, part=part: f"{marks[1]}{part}\n{marks[2]}", text, flags=re.DOTALL
            )
        page.write_text(text, encoding="utf-8")
