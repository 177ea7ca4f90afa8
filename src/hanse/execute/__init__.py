"""Runs a ``RequestGraph``: the only stage that does I/O.

Each request has a thread that pulls batches from its source into a bounded queue. The coordinator, a pooled DuckDB
instance, reads those queues as relations ``f<N>`` and has a thread of its own, which fills the result's queue. A client that
stops reading therefore stops the coordinator, and that the sources: memory is bounded from end to end. Whatever fails
first, or a cancel, ends all of it.
"""
