"""SET: changes a setting of the session; RESET and ``SET x TO DEFAULT`` take it back."""

from typing import Any

from hanse.errors import UnknownName, UserError
from hanse.settings import QuerySettings, nearest, validated


def changed(settings: QuerySettings, name: str, value: Any) -> QuerySettings:
    """The settings with one of them changed; ``value`` None sets the default again."""
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
        return validated(QuerySettings, values, "")
    except UserError as failure:
        raise UserError(f"SET {failure.message}", sqlstate="22023") from None
