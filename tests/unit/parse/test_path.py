"""Search paths as texts and as statements."""

from __future__ import annotations

import pytest

from hanse.parse.path import entries, said


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ()),
        ("crm", ("crm",)),
        ('"$user", Public', ("$user", "public")),
        ('CRM,"crm.Archive" , "a,b", "q""q"', ("crm", "crm.Archive", "a,b", 'q"q')),
        (" , a", ("a",)),
        ('""', ()),
    ],
)
def test_entries(text: str, found: tuple[str, ...]) -> None:
    assert entries(text) == found


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("SET search_path = CRM, \"crm.Archive\", 'Lake'", ("crm", "crm.Archive", "Lake")),
        ("set local search_path to public", ("public",)),
        ("SET search_path = ''", ("",)),
    ],
)
def test_said(statement: str, found: tuple[str, ...]) -> None:
    assert said(statement) == found
