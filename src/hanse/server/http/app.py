"""The table of routes."""

from starlette.routing import Route, Router

from hanse.server.http.catalog import CatalogRoutes
from hanse.server.http.entry import Entry
from hanse.server.http.history import History
from hanse.server.http.jobs import Jobs
from hanse.server.http.place import Place
from hanse.server.http.queries import Queries
from hanse.server.http.standing import Standing
from hanse.server.http.waiting import Waiting


def routes(place: Place, jobs: Jobs) -> list[Route]:
    """All addresses, as ``openapi.yaml`` has them."""
    queries, waiting, standing = Queries(place), Waiting(place, jobs), Standing(place)
    catalog, history = CatalogRoutes(place), History(place)
    return [
        Route("/v1/query", queries.query, methods=["POST"]),
        Route("/v1/explain", queries.explain, methods=["POST"]),
        Route("/v1/queries", waiting.queries, methods=["GET", "POST"]),
        Route("/v1/queries/{id}", waiting.query, methods=["GET", "DELETE"]),
        Route("/v1/queries/{id}/result", waiting.result, methods=["GET"]),
        Route("/v1/queries/{id}/events", waiting.events, methods=["GET"]),
        Route("/v1/catalog", catalog.sources, methods=["GET"]),
        Route("/v1/catalog/{source}", catalog.tables, methods=["GET"]),
        Route("/v1/catalog/{source}/{table}", catalog.columns, methods=["GET"]),
        Route("/v1/history", history.all, methods=["GET"]),
        Route("/v1/history/{id}", history.one, methods=["GET"]),
        Route("/v1/openapi.json", standing.description, methods=["GET"]),
        Route("/metrics", standing.metrics, methods=["GET"]),
        Route("/healthz", standing.health, methods=["GET"]),
        Route("/readyz", standing.ready, methods=["GET"]),
    ]


def app(place: Place, jobs: Jobs) -> Entry:
    """What answers requests."""
    return Entry(Router(routes(place, jobs), redirect_slashes=False), place)
