"""PostgreSQL's frontend/backend protocol 3.0 (PostgreSQL's manual, chapter "Frontend/Backend Protocol").

``startup`` and ``backend`` are machines without I/O: bytes and values come in, bytes and work to be done go out. ``connection``
is the only one that knows sockets. ``encoding`` and what it uses make rows of Arrow batches, ``values`` reads parameters."""
