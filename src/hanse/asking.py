"""Asks sources' own planners where our estimate would be a guess, before the plan is made: planning itself asks nobody."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass

from hanse.clock import Clock
from hanse.errors import HanseError
from hanse.ir.expr import Literal
from hanse.ir.fragment import FragmentGraph
from hanse.ir.request import Request, RequestGraph
from hanse.ir.signature import signature
from hanse.optimize.observed import Observed
from hanse.spi.connector import Connector, Estimating
from hanse.spi.pace import Pace

QUESTIONS_MAX = 8
"""As many fragments of one query are asked for."""
SECONDS = 1.0
"""How long all of these questions may take; what comes later is kept for the next plan."""
KEPT = 2_000
KEPT_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What was observed, and what sources expect of plans that were not."""

    observed: Observed
    found: Mapping[str, float]
    """Rows by signature."""
    any: bool = True

    def knows(self, tables: frozenset[str]) -> bool:  # noqa: ARG002  # there are few
        """Perhaps."""
        return True

    def rows(self, signature: str) -> float | None:
        """Rows that plans of that signature yield."""
        seen = self.observed.rows(signature)
        return self.found.get(signature) if seen is None else seen

    def joins(self, tables: frozenset[str]) -> Iterable[frozenset[str]]:
        """Those over which something was observed."""
        return self.observed.joins(tables)

    def pace(self, source: str) -> Pace:
        """How fast a source answers."""
        return self.observed.pace(source)


class RemoteEstimates:
    """What sources expect of fragments, kept for some minutes. Thread-safe."""

    def __init__(self, connectors: Mapping[str, Connector], clock: Clock) -> None:
        """Ask these; nobody is asked yet."""
        self._connectors = connectors
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], tuple[float | None, float]] = OrderedDict()

    def over(
        self,
        observed: Observed,
        graph: FragmentGraph,
        requests: RequestGraph,
        parameters: tuple[Literal, ...],
        seconds: float = SECONDS,
    ) -> Observed:
        """What was observed, and what the sources of the graph's fragments expect of those that are estimated as guesses.
        Their requests must hold no holes for keys. Who does not answer in time, or fails, says nothing."""
        asked = {request.fragment: request for request in requests.requests if not request.homes and not request.route}
        questions: dict[str, Request] = {}
        for fragment in graph.fragments:
            if fragment.estimate is not None and fragment.estimate.guess and fragment.id in asked:
                text = signature(fragment.plan)
                if text is not None and isinstance(self._connectors.get(fragment.source), Estimating):
                    questions[text] = asked[fragment.id]
        found = self._answers(dict(list(questions.items())[:QUESTIONS_MAX]), parameters, min(seconds, SECONDS))
        return Asked(observed, found) if found else observed

    def _answers(
        self, questions: Mapping[str, Request], parameters: tuple[Literal, ...], seconds: float
    ) -> dict[str, float]:
        now = self._clock.monotonic()
        open_ = {text: request for text, request in questions.items() if self._is_open(request.source, text, now)}
        if open_:
            pool = ThreadPoolExecutor(len(open_), thread_name_prefix="hanse-estimates")
            wait([pool.submit(self._ask, text, request, parameters) for text, request in open_.items()], seconds)
            pool.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            answers = {text: self._kept.get((request.source, text)) for text, request in questions.items()}
        return {text: one[0] for text, one in answers.items() if one is not None and one[0] is not None}

    def _is_open(self, source: str, text: str, now: float) -> bool:
        """Whether the question is to be asked; then the next who has it waits for no answer, and asks no more."""
        with self._lock:
            found = self._kept.get((source, text))
            if found is not None and now - found[1] < KEPT_SECONDS:
                return False
            self._kept[source, text] = None, now
            return True

    def _ask(self, text: str, request: Request, parameters: tuple[Literal, ...]) -> None:
        """Keep the answer; that there is none is one, too, for a while."""
        rows: float | None = None
        connector = self._connectors[request.source]
        with suppress(HanseError):
            if isinstance(connector, Estimating):
                rows = connector.expected(request, parameters, SECONDS)
        with self._lock:
            self._kept[request.source, text] = rows, self._clock.monotonic()
            self._kept.move_to_end((request.source, text))
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
