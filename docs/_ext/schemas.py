"""The directive `schema`: what keys a kind of file has, from what `hass schema` prints.

    ```{schema} device
    ```

A table of all keys, and a link to the schema, which is written beside the pages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from hass.cli.schema import file_formats, schema_of
from hass.files import canonical_json

FOLDER = "schemas"
LAYER = "NAME"  # stands for a key that is a name
Json = Mapping[str, Any]
Row = tuple[str, str, str]  # place, type, whether it must be there
_LIMITS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}


def _resolved(node: Json, schema: Json) -> Json:
    if "$ref" not in node:
        return node
    found: Json = schema["$defs"][node["$ref"].rpartition("/")[2]]
    return found


def _choices(node: Json) -> list[Json]:
    return [*node.get("oneOf", ()), *node.get("anyOf", ())]


def _type_text(node: Json, schema: Json) -> str:
    """A type in words: `integer, >= 1`."""
    node = _resolved(node, schema)
    if "const" in node:
        return repr(node["const"])
    if "enum" in node:
        return " or ".join(map(repr, node["enum"]))
    if _choices(node):
        return " or ".join(dict.fromkeys(_type_text(item, schema) for item in _choices(node)))
    text = str(node.get("type", "any"))
    if text == "array" and "items" in node:
        text = f"list of {_type_text(node['items'], schema)}"
    limits = [
        f"{sign} {node[name]}" for name, sign in _LIMITS.items() if node.get(name) is not None
    ]
    return " ".join([text, *limits])


def rows_of(node: Json, schema: Json, place: str = "") -> Iterator[Row]:
    """All keys below a node, those of the records in lists and maps too."""
    node = _resolved(node, schema)
    required = node.get("required", ())
    for name, child in node.get("properties", {}).items():
        where = f"{place}.{name}" if place else name
        if "default" in child and child["default"] is not None:
            need = f"default {child['default']}"
        else:
            need = "required" if name in required else "optional"
        yield where, _type_text(child, schema), need
        yield from _below(child, schema, where)
    if not node.get("properties"):
        yield from _below(node, schema, place)


def _below(node: Json, schema: Json, place: str) -> Iterator[Row]:
    node = _resolved(node, schema)
    if isinstance(node.get("additionalProperties"), Mapping):
        yield from rows_of(node["additionalProperties"], schema, f"{place}.{LAYER}".lstrip("."))
    if "items" in node:
        yield from rows_of(node["items"], schema, f"{place}[]")
    for choice in _choices(node):
        kind = _resolved(choice, schema)
        fixed = [k for k, v in kind.get("properties", {}).items() if "const" in v]
        label = f"{{{kind['properties'][fixed[0]]['const']}}}" if fixed else ""
        yield from rows_of(choice, schema, f"{place}{label}")
    if node.get("properties") and place:
        yield from rows_of(node, schema, place)


class SchemaDirective(SphinxDirective):
    """`schema NAME`: see the module."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The table and the link."""
        (name,) = self.arguments
        schema = schema_of(name)
        self.env.note_dependency(__file__)
        rows = dict.fromkeys(_once(rows_of(schema, schema)))
        link = nodes.reference("", "", nodes.literal(text=f"{name}.json"), internal=False)
        link["refuri"] = f"{FOLDER}/{name}.json"
        said = nodes.paragraph()
        said += [
            nodes.Text("JSON Schema: "),
            link,
            nodes.Text(", or "),
            nodes.literal(text=f"hass schema {name}"),
            nodes.Text("."),
        ]
        return [said, _table(("key", "type", ""), list(rows))]


def _once(rows: Iterator[Row]) -> Iterator[Row]:
    seen = set()
    for row in rows:
        if row[0] not in seen:
            seen.add(row[0])
            yield row


def _table(headings: Row, rows: list[Row]) -> nodes.table:
    group = nodes.tgroup(cols=len(headings))
    group += [nodes.colspec(colwidth=1) for _ in headings]
    head = nodes.thead()
    head += _row(headings, code=False)
    body = nodes.tbody()
    body += [_row(row, code=True) for row in rows]
    group += [head, body]
    table = nodes.table()
    table += group
    return table


def _row(cells: Row, *, code: bool) -> nodes.row:
    row = nodes.row()
    for index, text in enumerate(cells):
        word = nodes.literal(text=text) if code and index == 0 else nodes.Text(text)
        paragraph = nodes.paragraph("", "", word)
        row += nodes.entry("", paragraph)
    return row


def _write_schemas(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        folder = Path(app.outdir) / FOLDER
        folder.mkdir(exist_ok=True)
        for name in file_formats():
            (folder / f"{name}.json").write_text(canonical_json(schema_of(name)), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive; Sphinx calls this."""
    app.add_directive("schema", SchemaDirective)
    app.connect("build-finished", _write_schemas)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
