"""Whether the SQL of a contract reads the data and nothing else: judged on the engine's own parse, by lists of what is known.

One SELECT; tables are the data and its own WITH names, in whose scope they stand; functions are those listed, none of which
reads a file, a setting, a clock or another table, or makes more than it is given. What is not known is refused.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import duckdb

DATA: Final = "data"
MAX_DEPTH: Final = 200
MAX_STARS: Final = 4
MAX_TABLES: Final = 16


def _words(text: str) -> list[str]:
    return text.split()


# None makes a text longer than it was, so that no chain of them grows without end, and none takes more than linear time.
_FUNCTIONS: Final = frozenset(
    _words("""
    !~~ !~~* % * ** + - / // ^ ~~ ~~* ~~~ abs acos any_value approx_count_distinct arg_max arg_min array_length asin atan
    atan2 avg bit_and bit_length bit_or bool_and bool_or cbrt ceil ceiling chr coalesce contains corr cos count count_if
    count_star countif covar_pop covar_samp cume_dist date_diff date_part date_trunc datediff datepart datetrunc day dayname
    dayofmonth dayofweek dayofyear decade degrees dense_rank ends_with entropy epoch epoch_ms epoch_ns epoch_us era even exp
    extract first first_value floor gcd greatest hour if ifnull instr isfinite isinf isnan isodow isoyear kurtosis lag last
    last_day last_value lcase lcm lead least left len length ln log log10 log2 lower ltrim mad make_date make_timestamp max
    md5 mean median microsecond millisecond min minute mod mode month monthname nth_value ntile nullif octet_length ord
    percent_rank pi position pow power prefix product quantile quantile_cont quantile_disc quarter radians rank
    regexp_extract regexp_full_match regexp_matches regr_count regr_r2 regr_slope reverse right round row_number rtrim
    second sign signbit sin skewness split_part sqrt starts_with stddev stddev_pop stddev_samp strip_accents strlen strpos
    strptime substr substring suffix sum tan to_days to_hours to_minutes to_months to_seconds to_timestamp to_weeks to_years
    translate trim trunc try_strptime ucase unicode upper var_pop var_samp variance week weekday weekofyear xor year yearweek
    """)
)
_CLASSES: Final = frozenset(
    _words(
        "BETWEEN CASE CAST COLUMN_REF COMPARISON CONJUNCTION CONSTANT FUNCTION OPERATOR STAR SUBQUERY TYPE WINDOW COLLATE"
    )
)
_TABLES: Final = frozenset(_words("BASE_TABLE EMPTY EXPRESSION_LIST JOIN SUBQUERY"))
_NODES: Final = frozenset(_words("SELECT_NODE SET_OPERATION_NODE"))
_PLAIN: Final = frozenset(
    _words("""
    ASCENDING DESCENDING DISTINCT_MODIFIER LIMIT_MODIFIER
    LIMIT_PERCENT_MODIFIER ORDER_DEFAULT ORDER_MODIFIER
""")
)  # what orders and limits
_SKIPPED: Final = frozenset(("cast_type", "literal"))
_BARE: Final = frozenset(("aggregate_handling", "cte_map", "from_table", "select_list", "type"))


class ForeignError(Exception):
    """SQL that is no SELECT of the data alone; says what it is in words of ours."""


def check_query(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Accept SQL that is one SELECT of the table `data`.

    Raises:
        ForeignError: It is not.
    """
    _node(_parsed(connection, sql), frozenset((DATA,)), 0)


def check_condition(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Accept SQL that is one condition on a row of the data.

    Raises:
        ForeignError: It is not.
    """
    node = _parsed(connection, f"SELECT ({sql}\n)")
    is_bare = all(name in _BARE or not value for name, value in node.items())
    if not is_bare or node["type"] != "SELECT_NODE" or node["cte_map"]["map"] or node["from_table"]["type"] != "EMPTY":
        raise ForeignError("it is not one condition")
    if len(node["select_list"]) != 1 or node["select_list"][0].get("alias"):
        raise ForeignError("it is not one condition")
    _walk(node["select_list"], frozenset((DATA,)), 0)


def _parsed(connection: duckdb.DuckDBPyConnection, sql: str) -> dict[str, Any]:
    [row] = connection.execute("SELECT json_serialize_sql($1)", [sql]).fetchall()
    try:
        parsed: dict[str, Any] = json.loads(row[0]) if row[0] else {"error": True}
    except RecursionError as error:
        raise ForeignError("it is nested too deep") from error
    if parsed["error"]:
        raise ForeignError("it is not one SELECT")
    if len(parsed["statements"]) != 1:
        raise ForeignError("it is more than one statement")
    node: dict[str, Any] = parsed["statements"][0]["node"]
    # Stars over stars and joins of joins double the columns at every level, before any time is kept.
    if _count(node, "type", "STAR") > MAX_STARS or _count(node, "type", "BASE_TABLE") > MAX_TABLES:
        raise ForeignError(f"it has more than {MAX_STARS} stars, or reads more than {MAX_TABLES} tables")
    return node


def _count(part: Any, name: str, value: str) -> int:
    parts, found = [part], 0
    while parts:
        one = parts.pop()
        if isinstance(one, dict):
            found += one.get(name) == value
            parts.extend(one.values())
        elif isinstance(one, list):
            parts.extend(one)
    return found


def _node(node: dict[str, Any], names: frozenset[str], depth: int) -> None:
    """Accept one SELECT, in which `names` are tables: a WITH name is one for those behind it and for its SELECT alone."""
    if node["type"] not in _NODES:
        raise ForeignError(f"{node['type'].removesuffix('_NODE').replace('_', ' ').lower()} has no place in it")
    for entry in node["cte_map"]["map"]:
        _walk(entry["value"], names, depth + 1)
        names |= {entry["key"].lower()}
    _walk([value for name, value in node.items() if name != "cte_map"], names, depth + 1)


def _walk(part: Any, names: frozenset[str], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ForeignError("it is nested too deep")
    if isinstance(part, list):
        for one in part:
            _walk(one, names, depth + 1)
    if not isinstance(part, dict):
        return
    type = part.get("type")
    if "class" not in part and isinstance(type, str) and type.endswith("_NODE"):
        _node(part, names, depth + 1)
        return
    _check_part(part, names)
    for name, value in part.items():
        if name not in _SKIPPED:
            _walk(value, names, depth + 1)


def _check_part(part: dict[str, Any], names: frozenset[str]) -> None:
    type = part.get("type")
    if "class" in part:
        _check_expression(part)
    elif isinstance(type, str) and type not in _PLAIN:
        _check_table(part, names)
    if part.get("sample"):
        raise ForeignError("a sample is another one every time")


def _check_expression(part: dict[str, Any]) -> None:
    if part["class"] not in _CLASSES:
        raise ForeignError(f"{part['class'].lower()} has no place in it")
    name = part.get("function_name")
    if name is not None and (name.lower() not in _FUNCTIONS or part.get("schema") or part.get("catalog")):
        raise ForeignError(f"the function {name[:64]!r} is not one that a contract may call")


def _check_table(part: dict[str, Any], names: frozenset[str]) -> None:
    if part["type"] not in _TABLES:
        raise ForeignError("it reads from what is not the data")
    if part["type"] != "BASE_TABLE":
        return
    if part["schema_name"] or part["catalog_name"] or part["at_clause"] or len(part["qualified_name"]["path"]) != 1:
        raise ForeignError("it reads from what is not the data")
    if part["table_name"].lower() not in names:
        raise ForeignError(f"it reads the table {part['table_name'][:64]!r}, and only the data may be read")
