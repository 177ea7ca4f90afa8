"""Listeners: what others connect to. One login path (``login``) and one ``session`` for all of them; ``pgwire`` speaks
PostgreSQL's protocol. Never decides what a query means."""
