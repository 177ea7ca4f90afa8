"""Benchmarks: ratios against a peer or a physical limit, measured in one run, interleaved, medians reported.

``make bench`` runs them all under test servers; ``python -m benchmarks NAME`` one of them. Results go to
``benchmarks/results/<name>.{md,json}`` with versions and machine.
"""
