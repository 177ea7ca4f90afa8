"""SET: changes a setting of the session; RESET and ``SET x TO DEFAULT`` take it back."""

from typing import Any

from hanse.errors import Denied, UnknownName, UserError
from hanse.guardrails import EngineGuardrails
from hanse.settings import QuerySettings, nearest, validated


def changed(settings: QuerySettings, name: str, value: Any, most: EngineGuardrails) -> QuerySettings:
    """The settings with one of them changed; ``value`` None sets the default again.

    Raises Denied for a limit above that of the configuration, which is ``most``: a session can only be narrower.
    """
    name = {"time zone": "timezone"}.get(name.lower(), name.lower()).removeprefix("hanse.")
    values = settings.model_dump()
    if name not in values:
        guess = nearest(name, values)
        hint = f"did you mean {guess}?" if guess else f"known: {', '.join(values)}"
        raise UnknownName(f"there is no setting {name}", sqlstate="42704", hint=hint)
    if value is None:
        del values[name]
    else:
        values[name] = value
    try:
        found = validated(QuerySettings, values, "")
    except UserError as failure:
        raise UserError(f"SET {failure.message}", sqlstate="22023") from None
    allowed, wanted = getattr(most, name, None), getattr(found, name)
    if allowed is not None and wanted is not None and wanted > allowed:
        message = f"{name} cannot be {wanted:,}: engine.guardrails.{name} of the configuration is {allowed:,}"
        raise Denied(message, hint=f"SET {name} only narrows it")
    return found
