"""String functions. Positions are by code point in both; what differs is negative, zero and empty arguments."""

from collections.abc import Sequence

from hanse.ir.types import TEXT as TEXT_TYPE
from hanse.ir.types import Kind
from hanse.spi.dialect import Operand, Rule, Rules
from hanse.spi.duckdb import texts
from hanse.spi.duckdb.spelling import fail, is_constant, let, quoted, rules, using, value

BYTES = (frozenset({Kind.BYTES}),)
NO_LENGTH = fail("22011", "negative substring length not allowed")


def _substr(args: Sequence[Operand]) -> str:
    """PostgreSQL counts places before the start: substr('abc', -1, 3) is 'a'. DuckDB counts from the end."""
    start = value(args[1])
    bytewise = args[0].type.kind == Kind.BYTES
    if len(args) == 2:
        if start is not None:
            return _cut(args[0].sql, str(max(1, start)), None, bytewise)
        return let(args[1:], lambda n: _cut(args[0].sql, f"CASE WHEN {n} < 1 THEN 1 ELSE {n} END", None, bytewise))
    length = value(args[2])
    if start is not None and length is not None and length >= 0:
        end = start + length
        return _cut(args[0].sql, str(max(1, start)), str(max(0, end - max(1, start))), bytewise)

    def body(s: str, n: str, m: str) -> str:
        first = f"CASE WHEN {n} < 1 THEN 1 ELSE {n} END"
        size = f"CASE WHEN {n} < 1 THEN greatest(CAST(0 AS BIGINT), CAST({m} AS BIGINT) + {n} - 1) ELSE {m} END"
        null = f"CASE WHEN {s} IS NULL OR {n} IS NULL THEN NULL"
        return f"{null} WHEN {m} < 0 THEN {NO_LENGTH} ELSE {_cut(s, first, size, bytewise)} END"

    return let(args, body)


def _cut(text: str, start: str, length: str | None, bytewise: bool) -> str:
    if bytewise:
        end = f"({start}) + ({length}) - 1" if length is not None else "-1"
        return f"array_slice({text}, {start}, {end})" if length != "0" else f"array_slice({text}, 1, 0)"
    return f"substr({text}, {start}" + (")" if length is None else f", {length})")


def _pad(name: str) -> "Rule":
    def spell(args: Sequence[Operand]) -> str:
        fill = args[2].sql if len(args) > 2 else "' '"
        if is_constant(args[1]) and (len(args) == 2 or value(args[2])):
            return f"{name}({args[0].sql}, {max(0, value(args[1]))}, {fill})"
        sized: list[Operand | str] = [args[0], args[1], args[2] if len(args) > 2 else fill]
        return let(
            sized,
            lambda s, n, f: (
                f"CASE WHEN {f} = '' THEN CASE WHEN {n} < 0 THEN left({s}, 0) ELSE left({s}, {n}) END"
                f" ELSE {name}({s}, CASE WHEN {n} < 0 THEN 0 ELSE {n} END, {f}) END"
            ),
        )

    return Rule(spell)


def _split_part(args: Sequence[Operand]) -> str:
    """With an empty delimiter the whole text is the one field; field 0 is refused."""
    body = (
        f"CASE WHEN $0 IS NULL OR $1 IS NULL THEN NULL WHEN $2 = 0 THEN {fail('22023', 'field position must not be zero')}"
        " WHEN $1 = '' THEN CASE WHEN $2 IN (1, -1) THEN $0 WHEN $2 IS NOT NULL THEN '' END ELSE split_part($0, $1, $2) END"
    )
    if value(args[1]) and value(args[2]):
        return let(args, lambda *texts: f"split_part({', '.join(texts)})")  # DuckDB writes out each of them twice
    return using(body)(args)


def _chr(args: Sequence[Operand]) -> str:
    return using(
        f"CASE WHEN $0 = 0 THEN {fail('54000', 'null character not permitted')}"
        f" WHEN $0 < 0 THEN {fail('22023', 'character number must be positive')}"
        f" WHEN $0 > 1114111 OR $0 BETWEEN 55296 AND 57343"
        f" THEN {fail('54000', 'requested character is not valid for UTF8')} ELSE chr($0) END"
    )(args)


SHARP_S, STAND_IN = "\u00df", "\uf8fe"
"""A letter whose one capital DuckDB knows and PostgreSQL does not, and one of private use to keep it by."""


def _upper(args: Sequence[Operand]) -> str:
    """Unicode's simple mapping leaves the sharp s alone; DuckDB makes it a capital sharp s."""
    return let(args, _capital, "u")


def _capital(text: str) -> str:
    kept = f"replace(upper(replace({text}, '{SHARP_S}', '{STAND_IN}')), '{STAND_IN}', '{SHARP_S}')"
    return f"CASE WHEN contains({text}, '{SHARP_S}') THEN {kept} ELSE upper({text}) END"


def _initcap(args: Sequence[Operand]) -> str:
    """A letter or digit after one that is neither begins a word."""

    def body(text: str) -> str:
        words = f"regexp_extract_all(lower({text}), '[\\p{{L}}\\p{{N}}]+|[^\\p{{L}}\\p{{N}}]+')"
        cased = f"list_transform({words}, lambda w: {_capital('left(w, 1)')} || substr(w, 2))"
        return f"array_to_string({cased}, '')"  # which DuckDB writes out with its argument in it twice

    return let(args, body, "t")


def _concat(args: Sequence[Operand]) -> str:
    """NULLs are skipped; nothing at all is the empty text."""
    parts = ", ".join(texts.displayed(arg) for arg in args)
    return f"concat({parts})"


def _concat_ws(args: Sequence[Operand]) -> str:
    if len(args) == 1:
        return f"CASE WHEN {args[0].sql} IS NOT NULL THEN '' END"
    return f"concat_ws({args[0].sql}, {', '.join(texts.displayed(arg) for arg in args[1:])})"


def _overlay(args: Sequence[Operand]) -> str:
    """Text up to the place, the new text, and what follows the part replaced."""
    size = args[3] if len(args) > 3 else None
    sized = [args[0], args[1], args[2], *([size] if size else [])]

    def body(s: str, new: str, n: str, m: str | None = None) -> str:
        gone = f"len({new})" if m is None else m
        rest = f"CAST({n} + {gone} AS BIGINT)"
        tail = f"substr({s}, CASE WHEN {rest} < 1 THEN 1 ELSE {rest} END)"
        return (
            f"CASE WHEN {s} IS NULL OR {new} IS NULL OR {gone} IS NULL THEN NULL WHEN {n} <= 0 THEN {NO_LENGTH}"
            f" WHEN {n} IS NOT NULL THEN concat(substr({s}, 1, {n} - 1), {new}, {tail}) END"
        )

    return let(sized, body)


def _hex(args: Sequence[Operand]) -> str:
    width = 64 if args[0].type.kind == Kind.INT64 else 32
    wide = f"CASE WHEN $0 < 0 THEN CAST($0 AS HUGEINT) + CAST('{2**width}' AS HUGEINT) ELSE CAST($0 AS HUGEINT) END"
    return using(f"lower(to_hex(CAST({wide} AS UBIGINT)))")(args)


def _encode(args: Sequence[Operand]) -> str:
    """Hex and base64; base64 breaks lines after 76 characters."""
    if str(value(args[1])).lower() == "hex":
        return f"lower(hex({args[0].sql}))"
    return f"rtrim(regexp_replace(base64({args[0].sql}), '(.{{76}})', '\\1' || chr(10), 'g'), chr(10))"


def _decode(args: Sequence[Operand]) -> str:
    blank = f"regexp_replace({args[0].sql}, '\\s', '', 'g')"
    if str(value(args[1])).lower() == "hex":
        bad = fail("22023", "invalid hexadecimal data")
        return let(
            [blank],
            lambda x: (
                f"CASE WHEN regexp_full_match({x}, '([0-9a-fA-F]{{2}})*') THEN from_hex({x})"
                f" WHEN {x} IS NOT NULL THEN {bad} END"
            ),
        )
    return f"from_base64({blank})"


def _format_of(*names: str) -> "object":
    return lambda args: str(value(args[1])).lower() in names


def _format(args: Sequence[Operand]) -> str:
    """format() with a constant template of %s, %I, %L and %%."""
    template, parts, rest = str(value(args[0])), [], list(args[1:])
    for index, piece in enumerate(_pieces(template)):
        if index % 2 == 0:
            parts.append(quoted(piece))
        elif piece == "%":
            parts.append("'%'")
        else:
            parts.append(_formatted(piece, rest.pop(0)))
    return f"concat({', '.join(parts)})"


def _pieces(template: str) -> list[str]:
    """Text and conversion letters in turn."""
    pieces, place = [""], 0
    while place < len(template):
        if template[place] == "%":
            pieces += [template[place + 1 : place + 2], ""]
            place += 2
        else:
            pieces[-1] += template[place]
            place += 1
    return pieces


def _formatted(letter: str, arg: Operand) -> str:
    text = Operand(texts.displayed(arg), TEXT_TYPE)
    return {"s": text.sql, "I": _quote_ident([text]), "L": _quote_nullable([text])}[letter]


def _can_format(args: Sequence[Operand]) -> bool:
    if not is_constant(args[0]):
        return False
    letters = [piece for piece in _pieces(str(value(args[0])))[1::2] if piece != "%"]
    return set(letters) <= {"s", "I", "L"} and len(letters) <= len(args) - 1


def _quote_ident(args: Sequence[Operand]) -> str:
    keywords = ", ".join(quoted(word) for word in RESERVED.split())
    plain = f"regexp_full_match($0, '[a-z_][a-z0-9_]*') AND $0 NOT IN ({keywords})"
    return using(f"CASE WHEN {plain} THEN $0 ELSE '\"' || replace($0, '\"', '\"\"') || '\"' END")(args)


def _quote_literal(args: Sequence[Operand]) -> str:
    doubled = "replace(replace($0, '''', ''''''), '\\', '\\\\')"
    return using(f"CASE WHEN contains($0, '\\') THEN 'E' ELSE '' END || '''' || {doubled} || ''''")(args)


def _quote_nullable(args: Sequence[Operand]) -> str:
    return f"coalesce({_quote_literal(args)}, 'NULL')"


def _join(args: Sequence[Operand]) -> str:
    """``||`` of texts and of bytes; NULL makes NULL."""
    return f"{args[0].sql} || {args[1].sql}"


def _literal_bytes(args: Sequence[Operand]) -> str:
    return f"octet_length(encode({args[0].sql}))"


RESERVED = (
    "all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case cast char"
    " character check coalesce collate collation column concurrently constraint create cross current_catalog current_date"
    " current_role current_schema current_time current_timestamp current_user dec decimal default deferrable desc distinct do"
    " else end except exists extract false fetch float for foreign freeze from full grant greatest group grouping having ilike"
    " in initially inner inout int integer intersect interval into is isnull join lateral leading least left like limit"
    " localtime localtimestamp national natural nchar none normalize not notnull null nullif numeric offset on only or order"
    " out outer overlaps overlay placing position precision primary real references returning right row select session_user"
    " setof similar smallint some substring symmetric table tablesample then time timestamp to trailing treat trim true union"
    " unique user using values varchar variadic verbose when where window with xmlattributes xmlconcat xmlelement xmlexists"
    " xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable"
)

STRINGS: Rules = {
    "lower": rules("lower({0})"),
    "upper": rules(_upper),
    "initcap": rules(_initcap),
    "length": rules(Rule("CAST(octet_length({0}) AS INTEGER)", BYTES), Rule("CAST(length({0}) AS INTEGER)")),
    "octet_length": rules(Rule("CAST(octet_length({0}) AS INTEGER)", BYTES), Rule("CAST(strlen({0}) AS INTEGER)")),
    "bit_length": rules(
        Rule("CAST(octet_length({0}) * 8 AS INTEGER)", BYTES), Rule("CAST(strlen({0}) * 8 AS INTEGER)")
    ),
    "substr": rules(_substr),
    "strpos": rules("CAST(instr({0}, {1}) AS INTEGER)"),
    "btrim": rules(Rule("trim({0}, ' ')", when=lambda args: len(args) == 1), Rule("trim({0}, {1})")),
    "ltrim": rules(Rule("ltrim({0}, ' ')", when=lambda args: len(args) == 1), Rule("ltrim({0}, {1})")),
    "rtrim": rules(Rule("rtrim({0}, ' ')", when=lambda args: len(args) == 1), Rule("rtrim({0}, {1})")),
    "replace": rules("replace({0}, {1}, {2})"),
    "left": rules("left({0}, {1})"),
    "right": rules("right({0}, {1})"),
    "lpad": (_pad("lpad"),),
    "rpad": (_pad("rpad"),),
    "repeat": rules("repeat({0}, {1})"),
    "reverse": rules(using("array_to_string(list_reverse(regexp_extract_all($0, '(?s).')), '')")),
    "split_part": rules(_split_part),
    "starts_with": rules("starts_with({0}, {1})"),
    "ascii": rules(using("CASE WHEN $0 = '' THEN 0 ELSE unicode($0) END")),
    "chr": rules(_chr),
    "md5": rules("md5({0})"),
    "sha256": rules("from_hex(sha256({0}))"),
    "encode": rules(Rule(_encode, when=lambda args: str(value(args[1])).lower() in ("hex", "base64"))),
    "decode": rules(Rule(_decode, when=lambda args: str(value(args[1])).lower() in ("hex", "base64"))),
    "translate": rules("translate({0}, {1}, {2})"),
    "overlay": rules(_overlay),
    "to_hex": rules(_hex),
    "concat": rules(_concat),
    "concat_ws": rules(_concat_ws),
    "format": rules(Rule(_format, when=_can_format)),
    "quote_ident": rules(_quote_ident),
    "quote_literal": rules(_quote_literal),
    "quote_nullable": rules(_quote_nullable),
    "normalize": rules("nfc_normalize({0})"),
    "unaccent": rules("strip_accents({0})"),
    "levenshtein": rules("CAST(levenshtein({0}, {1}) AS INTEGER)"),
    "string_to_array": rules(
        Rule(
            using(
                "CASE WHEN $0 = '' THEN CAST([] AS VARCHAR[]) WHEN $0 IS NULL THEN NULL WHEN $1 IS NULL"
                " THEN regexp_extract_all($0, '(?s).') WHEN $1 = '' THEN [$0] ELSE string_split($0, $1) END"
            ),
            when=lambda args: len(args) == 2,
        ),
        Rule(
            using(
                "list_transform(CASE WHEN $0 = '' THEN CAST([] AS VARCHAR[]) WHEN $0 IS NULL THEN NULL WHEN $1 IS NULL"
                " THEN regexp_extract_all($0, '(?s).') WHEN $1 = '' THEN [$0] ELSE string_split($0, $1) END,"
                " lambda i: CASE WHEN i IS DISTINCT FROM $2 THEN i END)"
            )
        ),
    ),
}
