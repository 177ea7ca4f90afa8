"""A network between sources and engines: how fast, how far; a link says when what it is given arrives."""

import threading
import time
from dataclasses import dataclass

BURST_SECONDS = 0.002
"""What a link that was idle may send at once: it makes up for sleeping longer than was asked for."""
CHUNK_MAX, CHUNK_MIN = 262_144, 8_192
CHUNK_SECONDS = 0.001


@dataclass(frozen=True)
class Network:
    """Bits per second in each direction (0: no limit) and the time that a round trip takes."""

    name: str
    bits: float = 0.0
    round_trip: float = 0.0
    connection_bits: float = 0.0
    """What one connection may take of that: long ways, their windows, and providers limit each stream by itself."""

    @property
    def delay(self) -> float:
        """Seconds from one end to the other."""
        return self.round_trip / 2

    @property
    def chunk(self) -> int:
        """Bytes to pass on at once: about a millisecond's."""
        if not self.bits:
            return CHUNK_MAX
        return int(min(CHUNK_MAX, max(CHUNK_MIN, self.bits / 8 * CHUNK_SECONDS)))


LOOPBACK = Network("loopback")
NETWORKS = {n.name: n for n in (LOOPBACK, Network("1gbit", 1e9), Network("100mbit", 1e8, 0.005))}


class Link:
    """One direction of the network, which all connections share: a token bucket."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._seconds = 8 / network.bits if network.bits else 0.0
        self._free = 0.0
        self._lock = threading.Lock()

    def send(self, size: int) -> float:
        """Wait until so many bytes have been sent, and return when they arrive (by ``time.monotonic``)."""
        if not self._seconds:
            return time.monotonic() + self.network.delay
        with self._lock:
            self._free = max(time.monotonic() - BURST_SECONDS, self._free) + size * self._seconds
            sent = self._free
        pause = sent - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        return sent + self.network.delay
