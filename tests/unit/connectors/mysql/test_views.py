"""Which engines views read: known where the text is as the server writes it, else not."""

import pytest

from hanse.connectors.mysql.views import engines

TABLES = {("d", "b"): "InnoDB", ("d", "m"): "MyISAM", ("e", "t"): "InnoDB", ("d", "x`y"): "InnoDB"}
TEXTS = {
    "select `d`.`b`.`id` AS `id` from `d`.`b` where `d`.`b`.`n` > 3": "InnoDB",
    "select `d`.`m`.`id` AS `id` from `d`.`m`": "MyISAM",
    "select `v`.`id` AS `id`,'x`y`.`z' AS `t` from (`d`.`b` `v` join `d`.`b` on(`d`.`b`.`id` = `v`.`id`)) join `e`.`t` `c`": "InnoDB",
    "select 1 AS `id` union all select `d`.`m`.`id` AS `id` from `d`.`m`": "MyISAM",
    "select `a`.`id` AS `id` from `d`.`b` `a` where `a`.`id` in (select `d`.`m`.`id` from `d`.`m`)": "MyISAM",
    "with cte as (select `d`.`b`.`id` AS `id` from `d`.`b`)select `cte`.`id` AS `id` from `cte`": "InnoDB",
    "select `q`.`id` AS `id` from (select `d`.`b`.`id` AS `id` from `d`.`b`) `q`": "InnoDB",
    "select `d`.`x``y`.`id` AS `id` from `d`.`x``y`": "InnoDB",
    "select 'it''s from `d`.`m`' AS `id`": "InnoDB",
    "select 1 AS `id`": "InnoDB",
    "select `o`.`id` AS `id` from `other`.`t` `o`": None,
    "select `other`.`t`.`id` AS `id` from `d`.`b`": None,
    "select `f`() AS `id` from `d`.`b`": None,
    "select `d`.`f`(1) AS `id` from `d`.`b`": None,
    "select `d`.`seq_1_to_10`.`seq` AS `id` from `d`.`seq_1_to_10`": None,
    "select `j`.`x` AS `x` from json_table('[]', '$[*]' columns(`x` int path '$')) `j`": None,
    "select 'a\\' AS `a`, ' from `d`.`m`": None,
    'select "a" AS `a` from `d`.`b`': None,
    "select `b`.`id` AS `id` from `b`": None,
    "select extract(year from `a`.`at`) AS `y` from `d`.`b` `a`": None,
    "": None,
}


@pytest.mark.parametrize(("text", "engine"), TEXTS.items())
def test_the_engine_of_a_view(text: str, engine: str | None) -> None:
    assert engines({("d", "v"): text}, TABLES).get(("d", "v")) == engine


def test_views_of_views_are_as_their_tables() -> None:
    texts = {
        ("d", "v3"): "select `d`.`v2`.`id` AS `id` from `d`.`v2`",
        ("d", "v2"): "select `d`.`v1`.`id` AS `id` from `d`.`v1` join `d`.`b`",
        ("d", "v1"): "select `d`.`m`.`id` AS `id` from `d`.`m`",
        ("d", "v4"): "select `d`.`b`.`id` AS `id` from `d`.`b`",
        ("d", "v5"): "select `d`.`v4`.`id` AS `id` from `d`.`v4`",
        ("d", "c1"): "select `d`.`c2`.`id` AS `id` from `d`.`c2`",
        ("d", "c2"): "select `d`.`c1`.`id` AS `id` from `d`.`c1`",
    }
    found = engines(texts, TABLES)
    assert {name: engine for (_, name), engine in found.items()} == {
        "v1": "MyISAM",
        "v2": "MyISAM",
        "v3": "MyISAM",
        "v4": "InnoDB",
        "v5": "InnoDB",
    }
