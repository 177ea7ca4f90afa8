"""Benchmarks: ratios against a peer or a physical limit, measured in one run, interleaved, medians reported.

``make bench`` runs those that need nothing but test servers; ``python -m benchmarks NAME`` one of them; those beside
peers (``federated``, ``points``) take options, see docs/guide/benchmarks.md. Results go to
``benchmarks/results/<name>.{md,json}`` with versions and machine.
"""
