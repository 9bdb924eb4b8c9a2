"""The rest of the standard's keys, in the notation of odcs_keys: kinds of server, and the second edition."""

from __future__ import annotations

from typing import Final

# One line a kind: its keys, the required ones with `!`; `port` is an integer until 3.1.0 and may be text since.
_SERVERS: Final = {
    "api": "location!",
    "athena": "stagingDir! schema! catalog regionName workgroup+3.2.0 staging_dir-3.0.1",
    "azure": "location! format! encoding+3.2.0 delimiter",
    "bigquery": "project! dataset!",
    "btrieve": "host! port database!",
    "clickhouse": "host! port! database!",
    "cloudsql": "host! port! database! schema!",
    "custom": "account catalog database dataset delimiter endpointUrl format encoding+3.2.0 host location path port project "
    "region regionName schema serviceName stagingDir warehouse stream+3.1.0",
    "databricks": "host catalog! schema!",
    "db2": "host! port! database! schema",
    "denodo": "host! port! database",
    "dremio": "host! port! schema",
    "duckdb": "database! schema",
    "exasol": "host! port schema",
    "fastobjects": "database! host port",
    "glue": "account! database! location format encoding+3.2.0",
    "hana": "host! port database schema",
    "hive": "host! port database!",
    "iceberg": "catalog! catalogUrl! namespace warehouse",
    "impala": "host! port database!",
    "informix": "host! port database!",
    "ingres": "database! host! port",
    "kafka": "host! format encoding+3.2.0",
    "kinesis": "region format encoding+3.2.0",
    "local": "path! format! encoding+3.2.0",
    "mysql": "host! port! database!",
    "oracle": "host! port! serviceName!",
    "poet": "database! host port",
    "postgres": "host! port! database! schema!",
    "postgresql": "host! port! database! schema!",
    "presto": "host! catalog schema",
    "pubsub": "project!",
    "redshift": "host database! schema! region account",
    "s3": "location! endpointUrl format encoding+3.2.0 delimiter",
    "sftp": "location! format encoding+3.2.0 delimiter",
    "snowflake": "host port account! database! schema! warehouse",
    "sqlserver": "host! port database! schema!",
    "synapse": "host! port! database!",
    "teradata": "host! port database",
    "trino": "host! port! catalog! schema!",
    "vectorwise": "database! host! port",
    "versant": "database! host port",
    "vertica": "host! port! database! schema!",
    "zen": "host! port database!",
}
_FORMATS: Final = "{parquet|delta|json|csv}"
_DELIMITERS: Final = "{new_line|array}"

# 2.2.0 and 2.2.1 wrote `description` of a table as a list and `isPrimaryKey` as text in the schema, the text said otherwise.
SECOND_EDITION: Final = """
Root2
    version! text
    kind! text
    apiVersion text
    uuid! text
    datasetKind text
    userConsumptionMode text
    type! text
    tenant text
    tags [text]
    status! text
    sourceSystem text
    sourcePlatform text
    server text
    quantumName! text
    productSlackChannel text
    productFeedbackUrl text
    productDl text
    username text
    password text
    driverVersion text
    driver text
    description Description
    project text
    datasetName! text
    datasetDomain text
    database text
    schedulerAppName text
    dataset! [Table]
    price Price2
    stakeholders [Stakeholder]
    roles [Role2]
    slaDefaultColumn text
    slaProperties [Sla2]
    customProperties [Custom]
    systemInstance text
    contractCreatedTs text

Table
    table! text
    physicalName text
    priorTableName text
    description text|[text]
    tags [text]
    authoritativeDefinitions [Definition]
    dataGranularity text
    columns [Column]
    quality [Quality2]
    customProperties [Custom]

Column
    column! text
    isPrimary bool
    isPrimaryKey bool|text
    primaryKeyPosition int
    businessName text
    logicalType! text
    physicalType! text
    description text
    isNullable bool
    isUnique bool
    partitionStatus bool
    partitionKeyPosition int
    clusterStatus bool
    clusterKeyPosition int
    classification text
    authoritativeDefinitions [Definition]
    encryptedColumnName text
    transformSourceTables [text]
    transformLogic text
    transformDescription text
    sampleValues [scalar]
    criticalDataElementStatus bool
    tags [text]
    quality [Quality2]
    customProperties [Custom]

Quality2
    code text
    templateName! text
    description text
    toolName! text
    toolRuleName text
    dimension text
    columns text|[text]
    column text
    type text
    severity text
    businessImpact text
    scheduleCronExpression text
    customProperties [Custom]

Price2
    priceAmount number|text
    priceCurrency text
    priceUnit text

Stakeholder
    username text
    role text
    dateIn text
    dateOut text
    replacedByUsername text
    comment text

Role2
    role! text
    access! text
    firstLevelApprovers text
    secondLevelApprovers text

Sla2
    property! text
    value! scalar
    valueExt scalar
    unit text
    column text
    driver text
"""


def server_tables() -> str:
    """Return a table `Server.<type>` for every kind of server."""
    return "\n\n".join(
        "\n".join(
            [f"Server.{kind} closed>=3.1.0 &Server", *(line for word in keys.split() for line in _lines(kind, word))]
        )
        for kind, keys in _SERVERS.items()
    )


def _lines(kind: str, word: str) -> list[str]:
    if word.startswith("port"):
        needed = "!" * word.endswith("!")
        return [f"    port{needed} int -3.1.0", f"    port{needed} int|text +3.2.0"]
    if word == "schema" and kind == "duckdb":  # an integer by mistake until 3.1.0
        return ["    schema text|int -3.0.2", "    schema text +3.1.0"]
    if word in ("format", "format!", "delimiter") and kind in ("azure", "s3", "sftp"):
        listed = _DELIMITERS if word == "delimiter" else _FORMATS
        return [f"    {word} {listed} -3.0.2", f"    {word} text +3.1.0"]
    if word == "location!" and kind == "sftp":
        return ["    location! sftp"]
    if word.startswith("stagingDir!"):  # `staging_dir` by mistake until 3.0.2
        return ["    stagingDir text -3.0.1", "    stagingDir! text +3.0.2 -3.1.0", "    stagingDir text +3.2.0"]
    if "+" in word:
        key, since = word.split("+")
        return [f"    {key} text +{since}"]
    if "-" in word:
        key, last = word.split("-")
        return [f"    {key} text -{last}"]
    return [f"    {word} text"]
