"""Queries over tables that live in several databases: Hanse beside other engines, over networks of several speeds.

``splits`` says what lives where, ``servers`` and ``loading`` put it there, ``proxy`` is the network between, ``peers`` are
the engines, ``measure`` asks them in turn, and ``report`` writes what came out.
"""
