"""The table of routes."""

from starlette.routing import Route, Router
from starlette.types import ASGIApp

from hanse.server.http.entry import Entry
from hanse.server.http.place import Place
from hanse.server.http.queries import Queries
from hanse.server.http.standing import Standing


def routes(place: Place) -> list[Route]:
    """All addresses, as ``openapi.yaml`` has them."""
    queries, standing = Queries(place), Standing(place)
    return [
        Route("/v1/query", queries.query, methods=["POST"]),
        Route("/v1/explain", queries.explain, methods=["POST"]),
        Route("/v1/openapi.json", standing.description, methods=["GET"]),
        Route("/metrics", standing.metrics, methods=["GET"]),
        Route("/healthz", standing.health, methods=["GET"]),
        Route("/readyz", standing.ready, methods=["GET"]),
    ]


def app(place: Place) -> ASGIApp:
    """What answers requests."""
    return Entry(Router(routes(place), redirect_slashes=False), place)
