"""A picture of one query over time, from its record: planning, waiting, each request, what was done here. One file, which
needs nothing else; light or dark as its reader likes; what a bar is stands in its tooltip."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from hanse.observe.records import Coordination, Leg, Operator, Record

LEFT, RIGHT, WIDTH = 190, 110, 1100
ROW, BAR = 26, 16
TICKS = 8
STYLE = """
:root { color-scheme: light dark; --back: #ffffff; --text: #1c2430; --dim: #66717f; --line: #dfe4ea;
  --planning: #8a94a3; --queue: #d98c1f; --keys: #b39ddb; --connect: #6fa8dc; --think: #3d78b8; --rows: #2f9e6e;
  --here: #9b59b6; --output: #c39bd3; --spill: #d9534f; }
@media (prefers-color-scheme: dark) { :root { --back: #14181f; --text: #e5e9f0; --dim: #93a0b0; --line: #2c3440;
  --planning: #768192; --queue: #e0a244; --keys: #9f86d1; --connect: #5f9bd1; --think: #4b8fd6; --rows: #3fb984;
  --here: #b279cf; --output: #7d5a92; --spill: #e06c66; } }
body { background: var(--back); color: var(--text); font: 14px/1.5 system-ui, sans-serif; margin: 2em auto;
  max-width: 1140px; padding: 0 1em; }
svg { background: var(--back); max-width: 100%; height: auto; }
svg text { fill: var(--text); font: 12px system-ui, sans-serif; }
svg text.dim { fill: var(--dim); } svg line { stroke: var(--line); }
.planning { fill: var(--planning); } .queue { fill: var(--queue); } .keys { fill: var(--keys); }
.connect { fill: var(--connect); } .think { fill: var(--think); } .rows { fill: var(--rows); }
.here { fill: var(--here); } .output { fill: var(--output); } .spill { fill: var(--spill); }
pre { background: color-mix(in srgb, var(--line) 40%, transparent); padding: .7em; white-space: pre-wrap;
  overflow-wrap: anywhere; border-radius: 4px; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .25em .8em .25em 0;
  border-bottom: 1px solid var(--line); vertical-align: top; } td.n, th.n { text-align: right; }
.legend span { display: inline-block; margin-right: 1.2em; } .legend i { display: inline-block; width: .9em;
  height: .9em; border-radius: 2px; margin-right: .35em; vertical-align: -1px; }
"""
LEGEND = (
    ("planning", "planning"),
    ("queue", "waiting for a place"),
    ("keys", "until it is sent (with keys)"),
    ("connect", "connecting"),
    ("think", "until the first row"),
    ("rows", "rows arrive"),
    ("here", "computed here"),
    ("output", "handed on"),
)


@dataclass(frozen=True, slots=True)
class Bar:
    """A span of time in a lane. Milliseconds since the query started."""

    kind: str
    start: float
    end: float
    title: str


@dataclass(frozen=True, slots=True)
class Lane:
    """What happened at one place."""

    name: str
    note: str
    bars: tuple[Bar, ...]


def page(record: Record) -> str:
    """The picture as an HTML page, with the statements and figures below it."""
    facts = record.facts
    legend = "".join(f'<span><i style="background: var(--{kind})"></i>{escape(text)}</span>' for kind, text in LEGEND)
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>Query {escape(record.id)}</title>',
        f"<style>{STYLE}</style></head><body>",
        f"<h1>Query {escape(record.id[:8])}: {escape(_outcome(record))}</h1>",
        f"<p>{escape(_summary(record))}</p>",
        _drawn(record),
        f'<p class="legend">{legend}</p>',
        f"<h2>Statement</h2><pre>{escape(record.statement)}</pre>",
        _table(record) if facts.legs else "",
        _operators(facts.coordination.operators) if facts.coordination and facts.coordination.operators else "",
        "</body></html>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def picture(record: Record) -> str:
    """The picture alone, as SVG."""
    return _drawn(record).replace(">", f"><style>{STYLE}</style>", 1) + "\n"


def lanes(record: Record) -> list[Lane]:
    """What is drawn, from top to bottom."""
    facts = record.facts
    found = [Lane("planning", _ms(facts.planned_ms), tuple(_stages(facts.stages)))]
    if facts.queued_ms:
        start = facts.planned_ms or 0.0
        bar = Bar("queue", start, start + facts.queued_ms, f"waited {_ms(facts.queued_ms)} to be admitted")
        found.append(Lane("queue", _ms(facts.queued_ms), (bar,)))
    for leg in facts.legs:
        note = "in place" if leg.embedded else f"{leg.rows:,} rows, {_size(leg.bytes)}"
        found.append(Lane(f"f{leg.fragment} @{leg.source}", note, tuple(_leg(leg, facts.total_ms))))
    if facts.coordination is not None:
        note = f"spilled {_size(facts.spilled_bytes)}" if facts.spilled_bytes else ""
        found.append(Lane("here", note, tuple(_here(facts.coordination, facts.total_ms, facts.spilled_bytes))))
    if facts.first_row_ms is not None:
        title = f"the first row was handed on after {_ms(facts.first_row_ms)}, the last after {_ms(facts.total_ms)}"
        bar = Bar("output", facts.first_row_ms, facts.total_ms, title)
        found.append(Lane("answer", f"{facts.rows:,} rows, {_size(facts.bytes)}", (bar,)))
    return found


def _stages(stages: dict[str, float]) -> Iterator[Bar]:
    """One after another: their order is theirs, when each began is not known."""
    at = 0.0
    for name, ms in stages.items():
        yield Bar("planning", at, at + ms, f"{name}: {_ms(ms)}")
        at += ms


def _leg(leg: Leg, total: float) -> Iterator[Bar]:
    if leg.reserved_ms is not None:
        yield from _span("queue", leg.reserved_ms - (leg.queued_ms or 0.0), leg.reserved_ms, "waited for a connection")
        keys = f", with {leg.keys:,} keys of other sources" if leg.keys is not None else ""
        yield from _span("keys", leg.reserved_ms, leg.started_ms, f"until it was sent{keys}")
    if leg.started_ms is None:
        return
    connected = leg.started_ms if leg.connected_ms is None else leg.connected_ms
    yield from _span("connect", leg.started_ms, connected, "connected")
    last = total if leg.last_row_ms is None else leg.last_row_ms
    first = last if leg.first_row_ms is None else leg.first_row_ms
    until = "until the first row" if leg.first_row_ms is not None else "until it was known that there is no row"
    yield from _span("think", connected, first, until)
    if leg.first_row_ms is not None:
        waited = f", of which its reader made it wait {_ms(leg.waited_ms)}" if leg.waited_ms >= 0.1 else ""
        again = f"; sent again {leg.retries} times" if leg.retries else ""
        what = f"{leg.rows:,} rows, {_size(leg.bytes)} arrived{waited}{again}"
        yield Bar("rows", first, last, f"{what}: {_ms(last - first)}, from {_ms(first)} on\n{leg.sql}")


def _span(kind: str, start: float, end: float | None, what: str) -> Iterator[Bar]:
    if end is not None and end > start:
        yield Bar(kind, start, end, f"{what}: {_ms(end - start)}, from {_ms(start)} on")


def _here(done: Coordination, total: float, spilled: int) -> Iterator[Bar]:
    ended = total if done.ended_ms is None else done.ended_ms
    first = ended if done.first_batch_ms is None else done.first_batch_ms
    slowest = sorted(done.operators, key=lambda one: -one.ms)[:4]
    of = "".join(f"\n{one.name}: {_ms(one.ms)}, {one.rows:,} rows" for one in slowest)
    more = f"; {_size(spilled)} on disk" if spilled else ""
    yield Bar("here", done.started_ms, first, f"until the first batch: {_ms(first - done.started_ms)}{more}{of}")
    yield from _span("output", first, ended, "until the last batch")
    if spilled:
        yield Bar("spill", done.started_ms, first, f"{_size(spilled)} were put on disk")


def _drawn(record: Record) -> str:
    found = lanes(record)
    ends = [bar.end for lane in found for bar in lane.bars]
    whole = max([record.facts.total_ms, 0.001, *ends])
    height = ROW * len(found) + 34
    scale = (WIDTH - LEFT - RIGHT) / whole
    step = _step(whole)
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    label = f'role="img" aria-label="Timeline of query {escape(record.id, quote=True)}"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} {label}>']
    tick = 0.0
    while tick <= whole:
        x = LEFT + tick * scale
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="4" y2="{height - 24}"/>')
        parts.append(f'<text class="dim" x="{x:.1f}" y="{height - 8}" text-anchor="middle">{_ms(tick)}</text>')
        tick += step
    for place, lane in enumerate(found):
        parts += _lane(lane, 6 + place * ROW, scale)
    return "\n".join([*parts, "</svg>"])


def _lane(lane: Lane, y: int, scale: float) -> Iterator[str]:
    yield f'<text x="{LEFT - 10}" y="{y + 12}" text-anchor="end">{escape(lane.name[:28])}</text>'
    last = LEFT
    for bar in lane.bars:
        x, width = LEFT + bar.start * scale, max(1.0, (bar.end - bar.start) * scale)
        top, height = (y + BAR - 4, 4) if bar.kind == "spill" else (y, BAR)
        yield (
            f'<rect class="{bar.kind}" x="{x:.1f}" y="{top}" width="{width:.1f}" height="{height}" rx="2">'
            f"<title>{escape(lane.name)}: {escape(bar.title)}</title></rect>"
        )
        last = max(last, round(x + width))
    if lane.note:
        is_late = last > WIDTH - RIGHT - 60
        x, anchor = (WIDTH - 4, "end") if is_late else (last + 6, "start")
        yield f'<text class="dim" x="{x}" y="{y + 12}" text-anchor="{anchor}">{escape(lane.note)}</text>'


def _step(whole: float) -> float:
    step = 1e-4
    while True:
        for factor in (1, 2, 5):
            if step * factor * TICKS >= whole:
                return step * factor
        step *= 10


def _outcome(record: Record) -> str:
    error = f" with {record.error}" if record.error else ""
    source = f" of {record.error_source}" if record.error_source else ""
    return f"{record.facts.state}{error}{source} after {_ms(record.facts.total_ms)}"


def _summary(record: Record) -> str:
    facts = record.facts
    parts = [
        f"{facts.rows:,} rows, {_size(facts.bytes)}",
        f"moved {record.rows_moved:,} rows, {_size(record.bytes_moved)}",
        f"plan {facts.plan}" if facts.plan else "",
        f"asked by {record.user}" if record.user else "",
        f"in {record.process}" if record.process else "",
        f"resource group {facts.resource_group}" if facts.resource_group else "",
    ]
    return "; ".join(part for part in parts if part)


def _table(record: Record) -> str:
    head = (
        "",
        "source",
        "tables",
        "rows",
        "bytes",
        "queued",
        "connected",
        "first row",
        "last row",
        "waited",
        "retries",
    )
    names = "".join(f"<th{' class=n' if place > 2 else ''}>{escape(name)}</th>" for place, name in enumerate(head))
    lines = [f"<h2>Requests</h2><table><tr>{names}</tr>"]
    for leg in record.facts.legs:
        times = (leg.queued_ms, leg.connected_ms, leg.first_row_ms, leg.last_row_ms, leg.waited_ms)
        cells = [f"{leg.rows:,}", _size(leg.bytes), *map(_ms, times), str(leg.retries)]
        numbers = "".join(f'<td class="n">{escape(cell)}</td>' for cell in cells)
        lines.append(
            f"<tr><td>f{leg.fragment}</td><td>{escape(leg.source)} ({escape(leg.kind)})</td>"
            f"<td>{escape(leg.tables)}</td>{numbers}</tr>"
            f'<tr><td></td><td colspan="{len(head) - 1}"><pre>{escape(leg.sql)}</pre></td></tr>'
        )
    return "\n".join([*lines, "</table>"])


def _operators(operators: tuple[Operator, ...]) -> str:
    rows = "".join(
        f'<tr><td style="padding-left: {one.depth * 1.2:.1f}em">{escape(one.name)}</td>'
        f'<td class="n">{_ms(one.ms)}</td><td class="n">{one.rows:,}</td></tr>'
        for one in operators
    )
    return (
        '<h2>Operators here</h2><table><tr><th>operator</th><th class="n">time of all threads</th>'
        f'<th class="n">rows</th></tr>{rows}</table>'
    )


def _ms(ms: float | None) -> str:
    if ms is None:
        return ""
    if ms >= 10_000:
        return f"{ms / 1000:,.1f} s"
    return f"{ms:.0f} ms" if ms >= 100 else f"{ms:.1f} ms" if ms >= 1 or ms == 0 else f"{ms:.2f} ms"


def _size(bytes: int) -> str:
    size, unit = float(bytes), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
