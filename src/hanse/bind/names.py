"""What PostgreSQL calls an output column that has no alias (FigureColname in parse_target.c)."""

from sqlglot import exp

from hanse.bind.syntax import name

UNNAMED = "?column?"

FIXED: dict[type[exp.Expr], str] = {
    exp.Array: "array",
    exp.Exists: "exists",
    exp.Extract: "extract",
    exp.Substring: "substring",
    exp.StrPosition: "position",
    exp.Overlay: "overlay",
    exp.AtTimeZone: "timezone",
    exp.CurrentDate: "current_date",
    exp.CurrentTime: "current_time",
    exp.CurrentTimestamp: "current_timestamp",
    exp.Localtime: "localtime",
    exp.Localtimestamp: "localtimestamp",
    exp.Boolean: "bool",
    exp.Interval: "interval",
    exp.ParseJSON: "json",
}
_TYPES = {
    "INT": "int4",
    "BIGINT": "int8",
    "SMALLINT": "int2",
    "DOUBLE": "float8",
    "FLOAT": "float4",
    "DECIMAL": "numeric",
    "BOOLEAN": "bool",
    "CHAR": "bpchar",
    "VARBINARY": "bytea",
}
_TRIMS = {"LEADING": "ltrim", "TRAILING": "rtrim"}


def output_name(node: exp.Expr) -> str:
    """The name of the column that this select item makes."""
    return _figure(node)[0]


def _figure(node: exp.Expr) -> tuple[str, bool]:
    """A name, and whether it is a strong one: that of a type or of CASE gives way to another."""
    kind = type(node)
    if kind in FIXED:
        return FIXED[kind], kind not in (exp.Boolean, exp.Interval, exp.ParseJSON)
    match node:
        case exp.Alias():
            return name(node.args["alias"]), True
        case exp.Column():
            return name(node.this), True
        case exp.Dot():
            last = node.args["expression"]
            return name(last.this if isinstance(last, exp.Anonymous) else last), True
        case (
            exp.Paren()
            | exp.Collate()
            | exp.Window()
            | exp.Filter()
            | exp.WithinGroup()
            | exp.IgnoreNulls()
            | exp.Bracket()
        ):
            return _figure(node.this)
        case exp.Anonymous():
            return name(node.this), name(node.this) != "interval"
        case exp.Case():
            default = node.args.get("default")
            inner = _figure(default) if default is not None else (UNNAMED, False)
            return inner if inner[1] else ("case", False)
        case exp.Cast():
            inner = _figure(node.this)
            return inner if inner[1] else (_type_name(node.args["to"]), False)
        case exp.Trim():
            return _TRIMS.get(str(node.args.get("position") or "").upper(), "btrim"), True
        case exp.Subquery() if isinstance(node.this, exp.Select) and node.this.expressions:
            return output_name(node.this.expressions[0]), True
    return UNNAMED, False


def _type_name(node: exp.DataType) -> str:
    kind = node.this
    if kind is exp.DType.ARRAY and node.expressions:
        return _type_name(node.expressions[0])
    if isinstance(kind, exp.DType) and kind is not exp.DType.USERDEFINED:
        return str(_TYPES.get(kind.value, kind.value.lower()))
    return "interval" if isinstance(kind, exp.Interval) else str(node.args.get("kind", UNNAMED)).lower()
