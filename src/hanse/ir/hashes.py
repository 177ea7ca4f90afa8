"""The hash functions by which rows are spread over shards, exactly as those compute them who wrote the rows.

``postgres_hash`` is PostgreSQL's hash partitioning (``satisfies_hash_partition``): ``hash_bytes_extended`` of
src/common/hashfn.c (Bob Jenkins's lookup3), seeded and combined as src/backend/partitioning/partbounds.c does for one
column. ``crc32`` is MySQL's ``CRC32(key)``; ``md5`` the first eight hexadecimal digits of the key's MD5, as a number; both
hash the key's text. ``mod`` and ``floor_mod`` are the number itself, without and with its sign.
"""

import datetime as dt
import hashlib
import uuid
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from hanse.ir.types import INTEGERS, SIGNED, TEXTS, Kind

_SEED = 0x7A5B22367996DCFD
"""HASH_PARTITION_SEED of PostgreSQL."""
_START = 0x9E3779B9 + 3923095
_COMBINE = 0x49A0F4DD15E5A8E3
_32 = 0xFFFFFFFF
_64 = 0xFFFFFFFFFFFFFFFF
_POSTGRES_EPOCH = dt.date(2000, 1, 1)


def _turned(value: int, by: int) -> int:
    return ((value << by) | (value >> (32 - by))) & _32


def _mix(a: int, b: int, c: int) -> tuple[int, int, int]:
    """``mix`` of lookup3: twice three rounds, each turning the roles of the three words."""
    for by in (4, 6, 8, 16, 19, 4):
        a = ((a - c) & _32) ^ _turned(c, by)
        c = (c + b) & _32
        a, b, c = b, c, a
    return a, b, c


def _final(a: int, b: int, c: int) -> tuple[int, int, int]:
    """``final`` of lookup3."""
    for by in (14, 11, 25, 16, 4, 14, 24):
        c = ((c ^ b) - _turned(b, by)) & _32
        a, b, c = b, c, a
    # seven turns: the words stand one place on
    return c, a, b


def _words(key: bytes, size: int) -> int:
    """PostgreSQL's ``hash_bytes_extended`` with the partitions' seed; ``size`` is that of the key."""
    a = b = c = (_START + size) & _32
    a, b, c = _mix((a + (_SEED >> 32)) & _32, (b + (_SEED & _32)) & _32, c)
    while len(key) >= 12:
        a = (a + int.from_bytes(key[0:4], "little")) & _32
        b = (b + int.from_bytes(key[4:8], "little")) & _32
        c = (c + int.from_bytes(key[8:12], "little")) & _32
        a, b, c = _mix(a, b, c)
        key = key[12:]
    a = (a + int.from_bytes(key[0:4], "little")) & _32
    b = (b + int.from_bytes(key[4:8], "little")) & _32
    c = (c + (int.from_bytes(key[8:11], "little") << 8)) & _32  # the lowest byte of c is for the length
    a, b, c = _final(a, b, c)
    return b << 32 | c


def _combined(hash: int) -> int:
    """``hash_combine64`` of nothing and the hash of the one column."""
    return (hash + _COMBINE) & _64


def _of_integer(value: int) -> int:
    """``hashint8extended``, which agrees with those of the smaller integers."""
    low, high = value & _32, (value >> 32) & _32
    low ^= high if value >= 0 else ~high & _32
    return _words(low.to_bytes(4, "little"), 4)


def postgres_hash(value: Any) -> int:
    """The hash of a partition key of type integer, text, uuid or date."""
    if isinstance(value, dt.date):
        value = (value - _POSTGRES_EPOCH).days
    if isinstance(value, int):
        return _combined(_of_integer(value))
    key = str(value).encode()
    return _combined(_words(key, len(key)))


def _postgres_uuid(value: Any) -> int:
    key = uuid.UUID(str(value)).bytes
    return _combined(_words(key, len(key)))


def crc32(value: Any) -> int:
    """CRC-32 of the key's text."""
    return zlib.crc32(str(value).encode())


def md5(value: Any) -> int:
    """The first eight hexadecimal digits of the MD5 of the key's text."""
    return int.from_bytes(hashlib.md5(str(value).encode(), usedforsecurity=False).digest()[:4], "big")


def mod(value: Any) -> int:
    """The number without its sign: ``abs(mod(key, n))``, as MySQL's PARTITION BY HASH."""
    return abs(int(value))


def floor_mod(value: Any) -> int:
    """The number itself: its remainder is never negative, as in Python, ``floorMod`` of Java, or ``((k % n) + n) % n``."""
    return int(value)


Hash = Callable[[Any], int]
_TEXTUAL = INTEGERS | TEXTS | {Kind.UUID}
FUNCTIONS: Mapping[str, tuple[Hash, frozenset[Kind]]] = {
    "postgres_hash": (postgres_hash, (SIGNED - {Kind.INT8}) | {Kind.TEXT, Kind.UUID, Kind.DATE}),
    "crc32": (crc32, _TEXTUAL),
    "md5": (md5, _TEXTUAL),
    "mod": (mod, INTEGERS),
    "floor_mod": (floor_mod, INTEGERS),
}
"""Every function by its name in hanse.yaml, with the types of key that it hashes."""


def hasher(function: str, kind: Kind) -> Hash:
    """The function for keys of that kind."""
    return _postgres_uuid if function == "postgres_hash" and kind is Kind.UUID else FUNCTIONS[function][0]
