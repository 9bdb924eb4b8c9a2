"""Job files: what they say is read strictly, with lines; nothing leads out of their folder, and no secret stands in one."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.job import Job, read_job
from proofs.errors import MalformedError, MissingError, TallyError

CONTRACT = """\
name: orders
version: 1.0.0
dataset: {namespace: shop, name: orders}
schema: [{name: id, type: integer}]
"""
FULL = """\
data_contract:
  name: customers
  version: 1.0.0
  owner: shop
  quality_checks: {soda: {engine: soda, checks: [{type: uniqueness, column: id}]}}
"""
ODCS = """\
apiVersion: v3.1.0
kind: DataContract
id: orders
version: 1.0.0
status: active
domain: sales
schema: [{name: orders, properties: [{name: id, logicalType: integer}]}]
"""
HEAD = "tenant: shop\nconnectors:\n  lake: {type: files, path: data}\n"
ASSET = "  name: orders\n  connector: lake\n  object: orders.csv\n"


def read(folder: Path, text: str, *, anywhere: bool = False, **environment: str) -> Job:
    (folder / "orders.yaml").write_text(CONTRACT)
    (folder / "full.yaml").write_text(FULL)
    (folder / "data").mkdir(exist_ok=True)
    (folder / "job.yaml").write_text(text)
    return read_job(folder / "job.yaml", environment=environment, anywhere=anywhere)


def test_an_asset_has_its_contract_and_its_data(tmp_path: Path) -> None:
    text = f"{HEAD}asset:\n{ASSET}  current: now/orders.csv\ndata_contract: {{enabled: true, contract_path: orders.yaml}}\n"

    job = read(tmp_path, text)

    [asset] = job.assets
    assert (job.tenant, asset.name, asset.data) == ("shop", "orders", str(tmp_path / "data" / "orders.csv"))
    assert asset.document.text == CONTRACT  # what adds nothing changes no hash
    assert (asset.current, asset.quarantine) == (tmp_path / "now" / "orders.csv", None)


@pytest.mark.parametrize(
    ("said", "mode"),
    [
        ("enforcement_mode: strict", "strict"),
        ("enforcement_mode: warn", "warn"),
        ("enforcement_mode: disabled", "disabled"),
        ("enabled: false", "disabled"),
    ],
)
def test_the_job_says_how_a_contract_is_enforced(tmp_path: Path, said: str, mode: str) -> None:
    text = f"{HEAD}assets:\n- {ASSET.strip()}\n  data_contract: {{contract_path: orders.yaml, {said}}}\n"

    [asset] = read(tmp_path, text.replace("- ", "-\n  ")).assets

    assert asset.document.contract.enforcement == mode
    assert (asset.document.text == CONTRACT) is (mode == "strict")


def test_inline_checks_are_added_to_a_contract_of_any_dialect(tmp_path: Path) -> None:
    for contract in ("orders.yaml", "full.yaml"):
        checks = "inline_checks: [{type: range_check, column: id, min: 1}]"
        text = f"{HEAD}asset:\n{ASSET}  data_contract: {{contract_path: {contract}, {checks}}}\n"

        [asset] = read(tmp_path, text).assets

        assert [check.kind for check in asset.document.contract.checks][-1] == "range"


@pytest.mark.parametrize(
    ("text", "namespace", "is_kept"),
    [
        (ODCS, "sales", True),
        (ODCS.replace("domain: sales\n", ""), "shop", False),
        ("name: o\nowner: x\nschema: {id: integer}\n", "shop", False),
        (CONTRACT.replace("shop", "other"), "other", True),
    ],
)
def test_the_tenant_is_the_namespace_of_a_contract_that_names_none(
    tmp_path: Path, text: str, namespace: str, is_kept: bool
) -> None:
    (tmp_path / "c.yaml").write_text(text)

    [asset] = read(tmp_path, f"{HEAD}asset:\n{ASSET}  data_contract: {{contract_path: c.yaml}}\n").assets

    assert asset.document.contract.dataset.namespace == namespace
    assert (asset.document.text == text) is is_kept


def test_an_asset_without_a_contract_is_one_by_itself(tmp_path: Path) -> None:
    text = f"{HEAD}asset:\n{ASSET}  schema: [{{name: id, type: integer, nullable: false}}]\n"

    [asset] = read(tmp_path, text).assets

    contract = asset.document.contract
    assert (contract.name, contract.dataset.namespace, contract.annotations) == ("orders", "shop", {})
    assert [field.name for field in contract.fields] == ["id"]


def test_the_file_of_an_asset_is_read_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "orders.yaml").write_text(
        "asset:\n  name: orders\n  source_type: csv\n  object: orders.csv\n  data_contract: {contract_path: ../orders.yaml}\n"
    )
    text = f"{HEAD}asset: {{file: assets/orders.yaml}}\ndata_contract: {{enforcement_mode: warn}}\n"

    [asset] = read(tmp_path, text).assets

    assert asset.data == str(tmp_path / "data" / "orders.csv")
    assert asset.document.contract.enforcement == "warn"


@pytest.mark.parametrize(
    ("connector", "item", "data"),
    [
        (
            '{type: postgresql, host: db.example.org, port: 5433, database: s, user: "r/x", password: "${PW}"}',
            "sales.orders",
            "postgresql://r%2Fx:p%40ss%2F%23@db.example.org:5433/s#sales.orders",
        ),
        ('{type: postgres, url: "${URL}"}', "orders", "postgresql://u:p@h/d#orders"),
        ("{type: s3, bucket: lake, prefix: raw/}", "orders/*.csv", "s3://lake/raw/orders/*.csv"),
        ("{type: sqlite, path: shop.db}", "my orders", "sqlite:///{here}/shop.db#my%20orders"),
        ("{type: files}", "data/o-*.csv", "{here}/data/o-*.csv"),
    ],
)
def test_a_connector_says_where_an_object_is(tmp_path: Path, connector: str, item: str, data: str) -> None:
    text = (
        f"tenant: shop\nconnectors: {{c: {connector}}}\n"
        f"asset: {{name: orders, connector: c, object: '{item}', data_contract: {{contract_path: orders.yaml}}}}\n"
    )

    [asset] = read(tmp_path, text, PW="p@ss/#", URL="postgresql://u:p@h/d").assets

    assert asset.data == data.format(here=tmp_path)
    assert "p@ss" not in repr(asset)
    assert "p%40ss" not in repr(asset)


def job(**changed: str) -> str:
    parts = {
        "tenant": "shop",
        "connectors": "{lake: {type: files, path: data}}",
        "asset": "{name: o, connector: lake, object: o.csv, data_contract: {contract_path: orders.yaml}}",
        **changed,
    }
    return "".join(f"{key}: {value}\n" for key, value in parts.items() if value)


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        (job(tenant=""), 1, "tenant: is missing"),
        (job(connectors=""), 1, "connectors: is missing"),
        (job(asset=""), 1, "asset: or assets:"),
        (job(assets="[]"), 1, "asset: or assets:"),
        (job(asset="", assets="[]"), 3, "there are 0 assets"),
        (job(asset="", assets="[{}]", data_contract="{}"), 4, "stands in each of several assets"),
        (job(tennant="x"), 4, "is not a key of a job file"),
        (job(connectors="{lake: {type: ftp}}"), 2, "is not a word that is known here"),
        (job(connectors="{lake: {type: files, password: x}}"), 2, "is not a key of a connector"),
        (job(connectors='{lake: {type: postgres, url: "postgresql://u:geheim@h/d"}}'), 2, "stands in the file"),
        (job(connectors="{lake: {type: postgres, host: h, database: d, password: geheim}}"), 2, "stands in the file"),
        (job(connectors='{lake: {type: postgres, password: "geheim${A}"}}'), 2, "stands in the file"),
        (job(connectors="{lake: {type: postgres, password: 4711}}"), 2, "stands in the file"),
        (job(connectors="{lake: {type: files, path: ..}}"), 2, "leads out"),
        (job(asset="{name: o, connector: sea, object: o.csv}"), 3, "is no connector here"),
        (job(asset="{name: o, source_type: s3, object: o.csv}"), 3, "0 connectors are of that type"),
        (job(asset="{name: o, connector: lake, source_type: s3, object: o.csv, schema: []}"), 3, "of type files"),
        (job(asset="{name: o, connector: lake, object: ../../o.csv, schema: []}"), 3, "leads out"),
        (job(asset="{name: o, connector: lake, object: /etc/passwd, schema: []}"), 3, "leads out"),
        (job(asset='{name: o, connector: lake, object: "*/../../../x", schema: []}'), 3, "leads out"),
        (job(asset='{name: o, connector: lake, object: "a\\0b", schema: []}'), 3, "is no path"),
        (job(asset="{name: o, connector: lake, object: away/o.csv, schema: []}"), 3, "leads out"),
        (job(asset="{name: o, connector: lake, object: o.csv, quarantine: /tmp}"), 3, "leads out"),
        (job(asset="{name: o, connector: lake, object: o.csv, current: ../now}"), 3, "leads out"),
        (job(asset="{file: ../a.yaml}"), 3, "leads out"),
        (job(asset="{name: o, connector: lake, object: o.csv, data_contract: {contract_path: /c.yaml}}"), 3, "leads out"),
        (job(asset="{name: o, connector: lake, object: o.csv, extra: 1}"), 3, "is not a key of a job's asset"),
        (job(asset="{name: o, connector: lake, object: o.csv, data_contract: {mode: warn}}"), 3, "is not a key of data_contract"),
        (job(data_contract="{contract_path: orders.yaml}"), 3, "is said in another place"),
        (job(asset="{name: o, connector: lake, object: o.csv, schema: [], data_contract: {contract_path: orders.yaml}}"), 3,
         "stands in the contract"),
        (job(asset=f"{{name: o, connector: lake, object: {'x' * 5_000}, schema: []}}"), 3, "is no path: File name too long"),
        (job(asset=f"{{name: o, connector: lake, object: '{'x' * 5_000}*', schema: []}}"), 3, "is no path"),
        (job(asset="{name: o, connector: lake, object: [o.csv], schema: []}"), 3, "is not text"),
        (job(asset="{name: o, connector: lake, object: o.csv, data_contract: {contract_path: orders.yaml, enforcement_mode: x}}"),
         3, "is not a word"),
        (job(asset="&a {name: o}"), 3, "an anchor"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_job_is_said_with_its_line(tmp_path: Path, text: str, where: int, what: str) -> None:
    (tmp_path / "in" / "data").mkdir(parents=True)
    (tmp_path / "in" / "data" / "away").symlink_to(tmp_path)

    with pytest.raises(MalformedError) as told:
        read(tmp_path / "in", text)

    assert what in str(told.value)
    assert told.value.where.endswith(f"job.yaml line {where}")
    assert "geheim" not in f"{told.value}{told.value.hint}"


@pytest.mark.parametrize("name", ["delta:orders.csv", "s3:orders.csv", "ndjson:-"])
def test_a_name_is_a_file_whatever_source_it_looks_like(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A job that is named without a folder makes relative paths, and what stands before a colon there is a kind of source."""
    (tmp_path / "orders.yaml").write_text(CONTRACT)
    (tmp_path / name).write_text("id\n1\n")
    asset = f"{{name: o, connector: here, object: '{name}', data_contract: {{contract_path: orders.yaml}}}}"
    (tmp_path / "job.yaml").write_text(f"tenant: shop\nconnectors: {{here: {{type: files}}}}\nasset: {asset}\n")
    monkeypatch.chdir(tmp_path)

    [found] = read_job(Path("job.yaml"), environment={}).assets

    assert found.data == f"./{name}"


def test_elsewhere_is_allowed_where_that_is_asked(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    text = job(asset="{name: o, connector: lake, object: /srv/o.csv, data_contract: {contract_path: orders.yaml}}")

    [asset] = read(tmp_path / "in", text, anywhere=True).assets

    assert asset.data == "/srv/o.csv"


@pytest.mark.parametrize(
    "text",
    [
        job(asset="{name: o, connector: lake, object: o.csv, data_contract: {contract_path: none.yaml}}"),
        job(asset="{file: none.yaml}"),
        job(connectors='{lake: {type: postgres, url: "${NOT_SET}"}}'),
    ],
)
def test_what_is_not_there_is_missing(tmp_path: Path, text: str) -> None:
    with pytest.raises(MissingError, match=r"none\.yaml|job\.yaml line|NOT_SET"):
        read(tmp_path, text)


def test_a_contract_may_name_no_file_outside(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "asset.yaml").write_text("asset: {name: o, schema: [{name: id, type: integer}]}\n")
    (tmp_path / "in" / "c.yaml").write_text(
        "data_contract: {name: c, version: 1.0.0, owner: s, asset_ref: ../asset.yaml}\n"
    )

    with pytest.raises(TallyError, match="is not there"):
        read(
            tmp_path / "in",
            job(asset="{name: o, connector: lake, object: o.csv, data_contract: {contract_path: c.yaml}}"),
        )
