"""Sends requests to the shards that this run's parameters mean, and leaves out those that would yield nothing."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from hanse.errors import ResourceLimit
from hanse.ir import expr as e
from hanse.ir.request import Request, RequestGraph
from hanse.ir.routing import concerned, parameter
from hanse.ir.sharding import Directory, Home, owner


def routed(graph: RequestGraph, parameters: tuple[e.Literal, ...], fan_out: Mapping[str, int]) -> RequestGraph:
    """The graph with a real source for every request, as far as ``directories`` are known; raises ResourceLimit beyond
    ``fan_out`` shards of a source."""

    def value(node: e.Expr) -> e.Literal | None:
        """What a constant is, parameters included."""
        if isinstance(node, e.Literal):
            return node
        given = parameter(node)
        return e.Literal(node.type, parameters[given.index].value) if given else None

    def place(request: Request) -> Request:
        if request.route is not None:
            key = value(request.route.value)
            known = key is not None and key.value is not None
            shards = request.route.scheme.shards_of(key.value) if key and known else frozenset[int]()
            # where no shard can have the key, any of them knows that there are no such rows
            there = request.destinations[min(shards, default=request.route.nowhere)]
            return replace(request, source=there.source, sql=there.sql, tables=there.tables)
        return replace(request, idle=True) if any(map(is_elsewhere, request.homes)) else request

    def is_elsewhere(home: Home) -> bool:
        scheme = home.scheme
        return scheme is not None and any(
            home.shard not in concerned(test, home.ids, scheme, value) for test in home.tests
        )

    graph = replace(graph, requests=tuple(map(place, graph.requests)))
    _check_fan_out(graph, fan_out)
    return graph


def directories(graph: RequestGraph) -> set[Directory]:
    """Those by which keys of the query may be found, in any way."""
    schemes = [home.scheme for request in graph.requests for home in request.homes]
    schemes += [request.route.scheme for request in graph.requests if request.route]
    schemes += [hole.home.scheme for hole in graph.holes if hole.home]
    return {scheme.directory for scheme in schemes if scheme is not None and scheme.directory is not None}


def _check_fan_out(graph: RequestGraph, fan_out: Mapping[str, int]) -> None:
    asked: dict[str, set[str]] = defaultdict(set)
    for request in graph.requests:
        if not request.idle:
            asked[owner(request.source)].add(request.source)
    for source, most in fan_out.items():
        if len(asked[source]) > most:
            message = f"the query asks {len(asked[source])} shards of {source}, and fan_out_max is {most}"
            hint = "compare the key with constants, or raise fan_out_max"
            raise ResourceLimit(message, sqlstate="53400", source=source, hint=hint)
