"""The picture: every part of a query is in it, with a tooltip, whatever names and statements hold; it stands alone."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from hanse.observe.records import Facts
from hanse.observe.timeline import LEFT, RIGHT, WIDTH, lanes, page, picture
from tests.unit.observe.test_store import FACTS, LEG, RECORD

SVG = "{http://www.w3.org/2000/svg}"
WHOLE = replace(
    RECORD,
    facts=replace(
        FACTS,
        queued_ms=0.2,
        first_row_ms=3.2,
        spilled_bytes=5_000_000,
        legs=(LEG, replace(LEG, fragment=1, embedded=True)),
    ),
)


def drawn(text: str) -> ET.Element:
    return ET.fromstring(text[text.index("<svg") : text.index("</svg>") + 6])


def test_everything_is_in_it_and_inside_it() -> None:
    found = lanes(WHOLE)
    assert [lane.name for lane in found] == ["planning", "queue", "f0 @shop", "f1 @shop", "here", "answer"]
    assert [bar.kind for bar in found[2].bars] == ["queue", "keys", "connect", "think", "rows"]
    assert [bar.kind for bar in found[4].bars] == ["here", "output", "spill"]
    assert "hash join: 1.0 ms, 10 rows" in found[4].bars[0].title
    picture_ = drawn(page(WHOLE))
    bars = picture_.findall(f"{SVG}rect")
    assert len(bars) == sum(len(lane.bars) for lane in found)
    for bar in bars:
        assert float(bar.attrib["x"]) >= LEFT
        assert float(bar.attrib["x"]) + float(bar.attrib["width"]) <= WIDTH - RIGHT + 1
        title = bar.find(f"{SVG}title")
        assert title is not None and title.text
    ticks = [float(line.attrib["x1"]) for line in picture_.findall(f"{SVG}line")]
    assert ticks == sorted(set(ticks)) and len(ticks) >= 4


def test_it_stands_alone_and_is_light_or_dark() -> None:
    for text in (page(WHOLE), picture(WHOLE)):
        assert "prefers-color-scheme: dark" in text
        assert not re.search(r"""(?:src|href)=|url\(|@import|<script""", text)
        assert re.findall(r"https?://[^\s\"<]+", text) == ["http://www.w3.org/2000/svg"]
    ET.fromstring(picture(WHOLE))


def test_nothing_that_a_record_holds_is_markup() -> None:
    bad = "</title><script>x</script>&\"'"
    legs = (replace(LEG, source=bad, kind=bad, sql=bad, tables=bad),)
    text = page(replace(WHOLE, statement=bad, user=bad, process=bad, facts=replace(WHOLE.facts, legs=legs, plan=bad)))
    assert "<script" not in text

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            assert tag != "script"

    Tags().feed(text)
    drawn(text)


@pytest.mark.parametrize(
    "facts",
    [
        Facts("failed"),
        Facts("running", total_ms=1e7),
        replace(FACTS, total_ms=0.0, legs=(replace(LEG, started_ms=None, reserved_ms=None),), coordination=None),
        replace(FACTS, legs=(replace(LEG, connected_ms=None, first_row_ms=None, last_row_ms=None),)),
    ],
)
def test_whatever_has_not_happened(facts: Facts) -> None:
    drawn(page(replace(RECORD, facts=facts, error="57014", error_source="shop")))
