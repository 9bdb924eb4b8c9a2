"""The contract: what a dataset promises, how bad each broken promise is, and who must follow a deletion.

A contract that exists is valid: every rule fits the type of its field. Source: docs/formats/contract.md.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from contracts.agreement import ChangePolicy, Handling, Line, Lines, Notification, Quarantine, Responsible, Slo
from contracts.bounds import Bounds, Model
from contracts.checks import Columns, Format, Pattern, Rated, Values
from contracts.modelchecks import Stated
from contracts.registry.semver import Version
from contracts.terms import (
    FieldType,
    Fraction,
    Gate,
    Identifier,
    Kind,
    MisplacedError,
    Name,
    Scalar,
    Severe,
    Severity,
    Text,
    Threshold,
    Weight,
    date_bound,
    numeric_bound,
    spread,
    timestamp_bound,
)
from proofs.errors import MalformedError

MAX_FIELDS: Final = 1_000
MAX_CHECKS: Final = 1_000

_ENUM_TYPES: Final[dict[str, tuple[type, ...]]] = {"string": (str,), "integer": (int,), "number": (int, Decimal)}


def check_version(value: str) -> str:
    """Return `value`, which is a semantic version; ValueError where it is none."""
    try:
        Version.parse(value)
    except MalformedError as error:
        raise ValueError(error.what) from error
    return value


class Dataset(Model):
    """A dataset as the log names it."""

    namespace: Name
    name: Name


class FieldSpec(Model):
    """One column and what it promises.

    Attributes:
        max_null: The greatest fraction of rows that may be null.
        pattern: An RE2 expression that the whole value matches.
        length: Bounds on the number of characters.
        format: A known form in which every value is written.
        fields, items: What an object holds, and what an array does.
        severity, weight, tolerance: By kind of rule; `*` stands for the kinds that are not named.
    """

    name: Text
    type: FieldType
    description: str | None = None
    required: bool = False
    unique: bool = False
    max_null: Fraction | None = None
    range: Bounds | None = None
    enum: Values | None = None
    pattern: Pattern | None = None
    length: Bounds | None = None
    format: Format | None = None
    classification: Text | None = None
    tags: Lines = ()
    fields: Annotated[tuple[FieldSpec, ...], Field(max_length=MAX_FIELDS, strict=False)] = ()
    items: FieldSpec | None = None
    annotations: dict[str, Any] = Field(default_factory=dict)
    severity: Annotated[dict[str, Severe], BeforeValidator(spread)] = Field(default_factory=dict)
    weight: Annotated[dict[str, Weight], BeforeValidator(spread)] = Field(default_factory=dict)
    tolerance: Annotated[dict[str, Fraction], BeforeValidator(spread)] = Field(default_factory=dict)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of rule that the field has, in the order in which they are reported."""
        stated = {
            Kind.TYPE: self.type != "any",
            Kind.REQUIRED: self.required,
            Kind.MAX_NULL: self.max_null is not None,
            Kind.UNIQUE: self.unique,
            Kind.RANGE: self.range is not None,
            Kind.ENUM: self.enum is not None,
            Kind.PATTERN: self.pattern is not None,
            Kind.LENGTH: self.length is not None,
            Kind.FORMAT: self.format is not None,
        }
        return (Kind.PRESENT, *(kind for kind, there in stated.items() if there))

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.required and self.max_null is not None:
            raise MisplacedError("required and max_null exclude each other", "max_null")
        try:
            if self.range:
                _check_range(self.range, self.type)
        except ValueError as error:
            raise MisplacedError(str(error), "range") from error
        try:
            if self.enum is not None:
                _check_enum(self.enum, self.type)
        except ValueError as error:
            raise MisplacedError(str(error), "enum") from error
        for name in ("pattern", "length", "format"):
            if getattr(self, name) is not None and self.type != "string":
                raise MisplacedError(f"a {name} goes with type string, not {self.type}", name)
        if self.fields and self.type != "object":
            raise MisplacedError(f"fields go with type object, not {self.type}", "fields")
        if self.items and self.type != "array":
            raise MisplacedError(f"items go with type array, not {self.type}", "items")
        self._check_settings()
        return self

    def _check_settings(self) -> None:
        for name, setting in (("severity", self.severity), ("weight", self.weight), ("tolerance", self.tolerance)):
            if strange := sorted(set(setting) - set(self.kinds) - {"*"}):
                what = "is not a rule that the field has"
                raise MisplacedError(what, name, strange[0], wrong=strange[0], known=self.kinds)
        for kind in (Kind.PRESENT.value, Kind.MAX_NULL.value):
            if kind in self.tolerance:
                raise MisplacedError("has no tolerance", "tolerance", kind)


def _check_range(bounds: Bounds, type: str) -> None:
    given = [bound for bound in (bounds.min, bounds.above, bounds.max, bounds.below) if bound is not None]
    measured: list[Any]
    if type == "date":
        measured = [date_bound(bound) for bound in given]
    elif type == "timestamp":
        measured = [timestamp_bound(bound) for bound in given]
    elif type in ("integer", "number"):
        measured = [numeric_bound(bound, type) for bound in given]
    else:
        raise ValueError(f"a range goes with type integer, number, date or timestamp, not {type}")
    if measured[0] > measured[-1]:
        raise ValueError("a range's min is above its max")


def _check_enum(values: tuple[Scalar, ...], type: str) -> None:
    if type not in _ENUM_TYPES:
        raise ValueError(f"an enum goes with type string, integer or number, not {type}")
    if not all(isinstance(value, _ENUM_TYPES[type]) for value in values):
        raise ValueError(f"the enum of a field of type {type} holds a value of another type")
    if len(set(values)) != len(values):
        raise ValueError("an enum holds a value twice")


class Key(Rated):
    """Columns whose values together stand for one row."""

    columns: Columns
    severity: Severe = Severity.CRITICAL
    tolerance: Fraction = Decimal(0)


class RowCount(Rated):
    """Inclusive bounds on the number of rows. A contract that says nothing wants at least one."""

    min: Annotated[int, Field(ge=0, le=2**53 - 1)] = 1
    max: Annotated[int, Field(ge=0, le=2**53 - 1)] | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max is not None and self.max < self.min:
            raise ValueError("row_count's min is above its max")
        return self


class ExtraColumns(Rated):
    """What it means when the table has columns that the contract does not name."""

    severity: Severe = Severity.INFO


class Policy(Model):
    """From risk and severities to a decision.

    Attributes:
        alert_at: Risk from which on a batch passes with an alert, above 0.
        quarantine_at: Risk from which on its bad rows are kept back and the rest passes; None where none are.
        block_at: Risk from which on it is blocked, not below the others.
        alert_on: Severity of a broken rule that alerts whatever the risk; "never" switches the gate off.
        quarantine_on, block_on: The same for the other two.
    """

    alert_at: Threshold = Decimal("0.25")
    quarantine_at: Threshold | None = None
    block_at: Threshold = Decimal("0.4")
    alert_on: Gate = "warning"
    quarantine_on: Gate = "never"
    block_on: Gate = "critical"

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not 0 < self.alert_at <= self.block_at:
            raise ValueError("alert_at is above 0 and not above block_at")
        if self.quarantine_at is not None and not self.alert_at <= self.quarantine_at <= self.block_at:
            raise ValueError("quarantine_at is not below alert_at and not above block_at")
        return self


class Privacy(Model):
    """Whose data the rows are, and which datasets must follow when a person is deleted.

    Attributes:
        subject_key: The column that says whose data a row is; None where nobody has said it yet.
        pii: How delicate that is; "none" states that no row is about one person.
    """

    subject_key: Text | None = None
    pii: Literal["none", "low", "medium", "high"] | None = None
    deletion_propagation: Annotated[tuple[Dataset, ...], Field(max_length=100, strict=False)] = ()

    @model_validator(mode="after")
    def _says_whose(self) -> Self:
        if self.subject_key is None and self.pii is None:
            raise ValueError("says neither whose data a row is (subject_key) nor that it is nobody's (pii: none)")
        if self.pii == "none" and self.subject_key is not None:
            raise MisplacedError("no row is about a person (pii: none), and one tells whose it is", "subject_key")
        if self.pii == "none" and self.deletion_propagation:
            raise MisplacedError("no row is about a person (pii: none), and others must follow", "deletion_propagation")
        return self


class Contract(Model):
    """What one dataset promises, in one version.

    Attributes:
        checks: Beyond what the fields state.
        handling: What is done whatever the risk; where the policy is stricter, that.
        enforcement: What becomes of a decision: "warn" acts on none but an alert, "disabled" measures nothing.
        annotations: What a dialect says that nothing here acts on, kept so that no conversion loses it.
    """

    name: Identifier
    version: Annotated[str, AfterValidator(check_version)]
    dataset: Dataset
    owner: Text | None = None
    description: str | None = None
    fields: Annotated[tuple[FieldSpec, ...], Field(alias="schema", min_length=1, max_length=MAX_FIELDS, strict=False)]
    keys: Annotated[tuple[Key, ...], Field(max_length=16, strict=False)] = ()
    row_count: RowCount = RowCount()
    extra_columns: ExtraColumns = ExtraColumns()
    checks: Annotated[tuple[Stated, ...], Field(max_length=MAX_CHECKS, strict=False)] = ()
    policy: Policy = Policy()
    handling: Handling = Handling()
    enforcement: Literal["strict", "warn", "disabled"] = "strict"
    privacy: Privacy | None = None
    status: Literal["proposed", "draft", "active", "deprecated", "sunset", "retired"] = "active"
    responsible: Responsible | None = None
    slos: Annotated[tuple[Slo, ...], Field(max_length=100, strict=False)] = ()
    change_policy: ChangePolicy | None = None
    notification: Notification | None = None
    quarantine: Quarantine | None = None
    classification: Text | None = None
    tags: Lines = ()
    documentation_url: Line | None = None
    annotations: dict[str, Any] = Field(default_factory=dict)

    @property
    def is_disabled(self) -> bool:
        """True where nothing is to be measured."""
        return self.enforcement == "disabled"

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, value: Any) -> Any:
        """Read a bare list of columns as a key, and a bare dataset name as one of the contract's own namespace."""
        if not isinstance(value, dict):
            return value
        value = dict(value)
        if isinstance(keys := value.get("keys"), list):
            value["keys"] = [{"columns": key} if isinstance(key, list) else key for key in keys]
        privacy, dataset = value.get("privacy"), value.get("dataset")
        targets = privacy.get("deletion_propagation") if isinstance(privacy, dict) else None
        if isinstance(targets, list) and isinstance(dataset, dict):
            own = dataset.get("namespace")
            full = [{"namespace": own, "name": name} if isinstance(name, str) else name for name in targets]
            value["privacy"] = {**value["privacy"], "deletion_propagation": full}
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        known = self._check_names()
        self._check_checks(known)
        self._check_privacy(known)
        return self

    def _check_names(self) -> set[str]:
        # The engine folds the case of identifiers, so two fields that differ in case alone would be one column.
        known = {field.name for field in self.fields}
        folded: set[str] = set()
        for place, field in enumerate(self.fields):
            if field.name.casefold() in folded:
                raise MisplacedError(
                    "two fields have one name (upper and lower case count as the same)", "schema", place
                )
            folded.add(field.name.casefold())
        for place, key in enumerate(self.keys):
            if len(set(key.columns)) != len(key.columns):
                raise MisplacedError("names a column twice", "keys", place)
            if missing := set(key.columns) - known:
                what, wrong = f"names {min(missing)!r}, which the schema does not have", min(missing)
                raise MisplacedError(what, "keys", place, wrong=wrong, known=known)
        return known

    def _check_checks(self, known: set[str]) -> None:
        ids = [check.id for check in self.checks if check.id]
        for place, check in enumerate(self.checks):
            if strangers := sorted(set(check.names) - known):
                what = f"names {strangers[0]!r}, which the schema does not have"
                raise MisplacedError(what, "checks", place, wrong=strangers[0], known=known)
            if check.id and ids.count(check.id) > 1:
                raise MisplacedError(f"{check.id!r} is the id of two checks", "checks", place, "id")

    def _check_privacy(self, known: set[str]) -> None:
        subject = self.privacy.subject_key if self.privacy else None
        if subject is not None and subject not in known:
            what = f"{subject!r} is not in the schema"
            raise MisplacedError(what, "privacy", "subject_key", wrong=subject, known=known)
        if self.privacy and self.dataset in self.privacy.deletion_propagation:
            raise MisplacedError("names the contract's own dataset", "privacy", "deletion_propagation")
