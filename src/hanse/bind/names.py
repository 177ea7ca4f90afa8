"""What PostgreSQL calls an output column that has no alias (FigureColname in parse_target.c)."""

from sqlglot import exp

from hanse.bind.syntax import name

UNNAMED = "?column?"

FIXED: dict[type[exp.Expr], str] = {
    exp.Case: "case",
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
    kind = type(node)
    if kind in FIXED:
        return _case(node) if kind is exp.Case else FIXED[kind]
    match node:
        case exp.Alias():
            return name(node.args["alias"])
        case exp.Column() | exp.Dot():
            last = node.args["expression"] if isinstance(node, exp.Dot) else node.this
            return name(last.this) if isinstance(last, exp.Anonymous) else name(last)
        case (
            exp.Paren()
            | exp.Collate()
            | exp.Window()
            | exp.Filter()
            | exp.WithinGroup()
            | exp.IgnoreNulls()
            | exp.Bracket()
        ):
            return output_name(node.this)
        case exp.Anonymous():
            return name(node.this)
        case exp.Cast():
            return _cast(node)
        case exp.Trim():
            return _TRIMS.get(str(node.args.get("position") or "").upper(), "btrim")
        case exp.Subquery() if isinstance(node.this, exp.Select) and node.this.expressions:
            return output_name(node.this.expressions[0])
    return UNNAMED


def _case(node: exp.Expr) -> str:
    """A CASE is named like its ELSE, if that has a name."""
    default = node.args.get("default")
    inner = output_name(default) if isinstance(default, exp.Column | exp.Anonymous) else UNNAMED
    return "case" if inner == UNNAMED else inner


def _cast(node: exp.Cast) -> str:
    inner = output_name(node.this)
    if inner != UNNAMED:
        return inner
    kind = node.args["to"].this
    if isinstance(kind, exp.DType):
        return _TYPES.get(kind.value, kind.value.lower())
    return "interval"
