"""Dialect (c): the features of a model; the risk at which they are blocked stands in a policy file of its own.

dataset: {name: user_features}
features: {user_id: {dtype: int, allow_null: false, max_null_rate: 0.0}, signup_days_ago: {dtype: int, min: 0, max: 3650}}
"""

from __future__ import annotations

from typing import Final

from contracts import yamlsafe
from contracts.dialects import head, source
from contracts.dialects.draft import Draft
from contracts.dialects.place import Place

KEYS: Final = head.COPIED | {"dataset", "features", "version", "status", "privacy"}
_DATASET_KEYS: Final = head.COPIED | {"name", "namespace", "version"}


def read(parsed: yamlsafe.Parsed, *, name: str, namespace: str | None = None) -> yamlsafe.Parsed:
    """Return a document of dialect (c) in our own form.

    Raises:
        MalformedError: Something in it cannot be read; with its line.
    """
    root = Place.root(parsed, name=name)
    draft = Draft(root)
    dataset = root.need("dataset")
    title = dataset.need("name")
    head.put_name(draft, title)
    head.put_version(draft, root if root.get("version") else dataset, title)
    head.put_dataset(draft, title, dataset.get("namespace") or namespace)
    head.put_common(draft, dataset)
    head.put_common(draft, root)
    draft.put(("schema",), [], root.need("features"))
    for member in root.need("features").members():
        source.put_column(draft, member)
    if (privacy := root.get("privacy")) is not None:
        draft.copy(("privacy",), privacy)
    for stranger in [*root.strangers(KEYS), *dataset.strangers(_DATASET_KEYS)]:
        draft.keep(stranger)
    return draft.parsed()
