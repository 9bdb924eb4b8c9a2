"""Schemas that come from anywhere: each is read, or refused in one sentence that names the place."""

from __future__ import annotations

import json
import time

import pytest

from contracts.registry.compatibility import compare
from contracts.registry.schema import MAX_BYTES, read
from proofs.errors import MalformedError, RefusedError


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        (b"", "document is not JSON"),
        (b"{", "document is not JSON"),
        (b"[]", "a schema in the registry is a JSON object"),
        (b"true", "a schema in the registry is a JSON object"),
        (b'\xef\xbb\xbf{"type":"object"}', "document begins with a byte order mark"),
        (b'{"title":"\xe9"}', "document is not UTF-8 at byte 10"),
        (b'{"type":"object","type":"array"}', "an object has 2 members and only 1 names"),
        (b'{"title":"\\ud800"}', "document holds half a surrogate pair"),
        (b'{"minimum":NaN}', "NaN is not JSON"),
        (b'{"minimum":1e999999999}', "an exponent beyond ±400"),
        (b'{"minimum":' + b"1" * 101 + b"}", "a number has more than 100 characters"),
        (b'{"type":"objekt"}', "/type: type is not a type or a list of different types"),
        (b'{"type":[]}', "/type: type is not a type"),
        (b'{"type":["string","string"]}', "/type: type is not a type"),
        (b'{"type":{}}', "/type: type is not a type"),
        (b'{"enum":[]}', "/enum: enum is not a list of values"),
        (b'{"required":["a","a"]}', "/required: required is not a list of different names"),
        (b'{"required":"a"}', "/required: required is not a list of different names"),
        (b'{"minLength":-1}', "/minLength: minLength is not an integer of at least 0"),
        (b'{"maxItems":1.5}', "/maxItems: maxItems is not an integer of at least 0"),
        (b'{"minimum":"0"}', "/minimum: minimum is not a number"),
        (b'{"multipleOf":0}', "/multipleOf: multipleOf is not a number above 0"),
        (b'{"pattern":7}', "/pattern: pattern is not text"),
        (b'{"uniqueItems":1}', "/uniqueItems: uniqueItems is not true or false"),
        (b'{"dependentRequired":{"a":"b"}}', "/dependentRequired: dependentRequired is not an object of lists"),
        (b'{"properties":[]}', "/properties: properties is not an object of schemas"),
        (b'{"properties":{"a/b":3}}', "/properties/a~1b: a schema is an object, true or false"),
        (b'{"properties":{"a":{"items":null}}}', "/properties/a/items: a schema is an object, true or false"),
        (b'{"allOf":[]}', "/allOf: allOf is not a list of at least one schema"),
        (b'{"anyOf":{}}', "/anyOf: anyOf is not a list of at least one schema"),
        (b'{"$ref":"#/$defs/none"}', "/\\$ref: a reference leads to no schema in the document"),
        (b'{"$ref":"#none"}', "/\\$ref: a reference leads to no schema in the document"),
        (b'{"$ref":"#/properties"}', "/\\$ref: a reference leads to no schema in the document"),
        (b'{"$ref":"#"}', "/\\$ref: a reference leads back to itself"),
        (b'{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}', "leads back to itself"),
        (b'{"$defs":{"a":{"$anchor":"x"},"b":{"$anchor":"x"}}}', "the anchor 'x' stands twice"),
    ],
)  # fmt: skip
def test_what_is_no_schema_is_malformed(definition: bytes, message: str) -> None:
    with pytest.raises(MalformedError, match=message):
        read(definition)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"$ref": "https://example.com/other.json"}, "/$ref: a reference leads to another document, and none is ever fetched"),
        ({"$ref": "other.json#/$defs/a"}, "/$ref: a reference leads to another document"),
        ({"$ref": "file:///etc/passwd"}, "/$ref: a reference leads to another document"),
        ({"$ref": ""}, "/$ref: a reference leads to another document"),
        ({"properties": {"a": {"$id": "https://example.com/a"}}}, "/properties/a/$id: a $id below the root"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "/$schema: the dialect is not https://json-schema.org/draft/2020-12"),
        ({"$schema": 7}, "/$schema: the dialect is not"),
        ({"$dynamicRef": "#x"}, "/$dynamicRef: $dynamicRef changes what references mean"),
        ({"dependencies": {}}, "/dependencies: dependencies is of an older draft; 2020-12 says dependentRequired"),
        ({"items": [{}]}, "/items: items is a list; draft 2020-12 says prefixItems"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused(schema: object, message: str) -> None:
    with pytest.raises(RefusedError) as caught:
        read(json.dumps(schema).encode())

    assert message in str(caught.value)


@pytest.mark.parametrize(
    "reference",
    ["#/$defs/a~1b", "#/%24defs/a~1b", "#named", "https://example.com/s.json#/$defs/a~1b", "#/$defs/a%7E1b"],
)
def test_one_place_may_be_referred_to_in_many_ways(reference: str) -> None:
    inside = {"$anchor": "named", "type": "integer"}
    schema = {"$id": "https://example.com/s.json", "properties": {"x": {"$ref": reference}}, "$defs": {"a/b": inside}}

    parsed = read(json.dumps(schema).encode())

    assert parsed.resolve(reference) == inside


def test_a_schema_over_a_megabyte_is_malformed() -> None:
    with pytest.raises(MalformedError, match="document has 1000001 bytes, at most 1000000 are allowed"):
        read(b" " * (MAX_BYTES + 1))


def test_nesting_beyond_64_is_malformed() -> None:
    with pytest.raises(MalformedError, match="document is nested 65 deep, at most 64 are allowed"):
        read(b'{"not":' * 64 + b"{}" + b"}" * 64)


def test_more_than_20_000_subschemas_are_refused() -> None:
    with pytest.raises(RefusedError, match="more than 20000 subschemas"):
        read(json.dumps({"properties": {str(number): True for number in range(20_001)}}).encode())


def test_a_long_chain_of_references_is_followed_once() -> None:
    chain = {str(number): {"$ref": f"#/$defs/{number + 1}"} for number in range(15_000)}
    definition = json.dumps({"$ref": "#/$defs/0", "$defs": {**chain, "15000": {"type": "integer"}}}).encode()
    started = time.process_time()

    schema = read(definition)

    assert compare(schema, schema) == ()
    assert time.process_time() - started < 10


def test_a_chain_of_references_that_nests_is_refused_before_the_stack_or_memory_ends() -> None:
    chain = {str(number): {"properties": {"x": {"$ref": f"#/$defs/{number + 1}"}}} for number in range(3_000)}
    old, new = (
        read(json.dumps({"$ref": "#/$defs/0", "$defs": {**chain, "3000": {"type": leaf}}}).encode())
        for leaf in ("integer", "string")
    )

    with pytest.raises(RefusedError, match="the schemas are too entangled to be compared in 50000 steps"):
        compare(old, new)


def test_branches_that_must_be_matched_with_each_other_are_refused_before_the_hour_ends() -> None:
    old, new = (
        read(json.dumps({"oneOf": [{"minimum": shift + number} for number in range(2_000)]}).encode())
        for shift in (0, 5_000)
    )

    with pytest.raises(RefusedError, match="too entangled"):
        compare(old, new)


def test_a_schema_that_is_everything_at_once_does_not_loop() -> None:
    schema = {"allOf": [{"$ref": "#"}], "anyOf": [{"$ref": "#"}], "oneOf": [{"$ref": "#"}], "items": {"$ref": "#"}}
    parsed = read(json.dumps(schema).encode())

    assert compare(parsed, parsed) == ()
