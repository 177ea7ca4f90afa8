"""A Trino of this machine: its `releases`, how a `server` starts, its protocol (`client`) and its SQL (`dialect`)."""
