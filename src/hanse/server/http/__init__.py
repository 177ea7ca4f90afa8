"""HTTP: statements in JSON, answers as JSON, lines of JSON, CSV or Arrow, streamed (docs/adr/0022). ``openapi.yaml`` is the
contract; ``connection`` is the only place that knows uvicorn's protocol, ``app`` the table of routes."""
