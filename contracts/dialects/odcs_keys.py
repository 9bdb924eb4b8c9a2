"""What the Open Data Contract Standard knows, version by version: keys, types, listed words, and what must be there.

One line a key: `key[!] type [+since] [-last]`. `!` means that it must be there; `!<3.2.0` and `!>=3.0.2` limit that. A type is
`text int count number positive bool scalar any map pair id ref`, a table, `{listed|words@since}`, `[a list of it]`, `[a list]+`
that is not empty, `[a list]++` that also repeats nothing, or several of these, of which the value's own kind picks one. A
table's head says from which version on it is `closed` to other keys (before, they are allowed and lint names them) and
`&which` other tables it begins with.

Sources: the JSON Schemas of bitol-io/open-data-contract-standard for 3.0.0 to 3.2.0 and of 2.2.1 and 2.2.2, with the standard's
CHANGELOG; where text and schema differ, the text counts, as the standard says itself, and a comment tells.
"""

from __future__ import annotations

from typing import Final

VERSIONS: Final = ("2.2.0", "2.2.1", "2.2.2", "3.0.0", "3.0.1", "3.0.2", "3.1.0", "3.2.0")

TABLES: Final = r"""
Root closed>=3.0.0
    version! text
    kind! {DataContract}
    apiVersion! text
    id! text
    name text
    type text -3.0.0
    tenant text
    tags [text]
    status!<3.2.0 text
    servers [Server]
    dataProduct text
    description Description
    domain text
    context text|Context +3.2.0
    schema [Object]
    support [Support]
    price Price
    team [Member] -3.0.2
    team [Member]|Team +3.1.0
    roles [Role]
    slaDefaultElement text
    slaProperties [Sla]
    authoritativeDefinitions [Definition] +3.0.1
    customProperties [Custom]
    contractCreatedTs text

Description
    usage text
    purpose text
    limitations text
    authoritativeDefinitions [Definition] +3.0.1
    customProperties [Custom] +3.0.1

Context closed>=3.2.0
    instructions text
    verifiedStatements [Statement]
    constraints [Constraint]

Statement closed>=3.2.0
    id text
    question! text
    answer text
    authoritativeDefinitions [Definition]
    tags [text]
    customProperties [Custom]

Constraint closed>=3.2.0
    id text
    constraint! text
    authoritativeDefinitions [Definition]
    tags [text]
    customProperties [Custom]

Server closed>=3.1.0
    id id +3.1.0
    server! text
    type! {api|athena|azure|bigquery|btrieve@3.2.0|clickhouse|databricks|denodo|dremio|duckdb|exasol@3.2.0|fastobjects@3.2.0|\
glue|hana@3.2.0|cloudsql|db2|hive@3.1.0|iceberg@3.2.0|impala@3.1.0|informix|ingres@3.2.0|kafka|kinesis|local|mysql|oracle|\
poet@3.2.0|postgresql|postgres|presto|pubsub|redshift|s3|sftp|snowflake|sqlserver|synapse|teradata@3.2.0|trino|\
vectorwise@3.2.0|versant@3.2.0|vertica|zen@3.1.0|custom}
    description text
    environment text
    roles [Role]
    customProperties [Custom]

Role closed>=3.1.0
    id id +3.1.0
    role! text
    description text
    access text
    firstLevelApprovers text
    secondLevelApprovers text
    customProperties [Custom] +3.0.1

Element
    id id +3.1.0
    name! text
    physicalType text
    description text
    businessName text
    deprecated bool +3.2.0
    synonyms [Synonym] +3.2.0
    authoritativeDefinitions [Definition]
    tags [text]
    customProperties [Custom]

Object closed>=3.0.0 &Element
    logicalType {object|blob@3.1.0}
    physicalName text
    dataGranularityDescription text
    properties [Property]
    relationships [ObjectRelation] +3.1.0
    quality [Quality]
    context text|Context +3.2.0

Property closed>=3.0.0 &Element
    primaryKey bool
    primaryKeyPosition int
    logicalType {string|date|timestamp@3.1.0|time@3.1.0|number|integer|object|array|boolean|map@3.2.0|vector@3.2.0}
    logicalTypeOptions map
    physicalName text +3.0.2
    required bool
    unique bool
    semanticType {column|measure|dimension} +3.2.0
    partitioned bool
    partitionKeyPosition int
    classification text
    encryptedName text
    transformSourceObjects [text]
    transformLogic text
    transformDescription text
    examples [any]
    enum [Enum]++ +3.2.0
    criticalDataElement bool
    relationships [PropertyRelation] +3.1.0
    quality [Quality]
    properties [Property]
    items Item
    map KeyValue +3.2.0

Item closed>=3.0.0 &Property
    name text

KeyValue closed>=3.2.0
    key! Item
    value! Item

Options.string closed>=3.0.0
    minLength count
    maxLength count
    pattern text
    format text

Options.date closed>=3.0.0
    format text
    exclusiveMaximum bool -3.0.2
    exclusiveMaximum text +3.1.0
    maximum text
    exclusiveMinimum bool -3.0.2
    exclusiveMinimum text +3.1.0
    minimum text

Options.timestamp closed>=3.0.0 &Options.date
    timezone bool
    defaultTimezone text

Options.time closed>=3.0.0 &Options.timestamp

Options.number closed>=3.0.0
    multipleOf positive
    maximum number
    exclusiveMaximum bool -3.0.2
    exclusiveMaximum number +3.1.0
    minimum number
    exclusiveMinimum bool -3.0.2
    exclusiveMinimum number +3.1.0
    format {f32|f64}

Options.integer closed>=3.0.0 &Options.number
    format {i8|i16|i32|i64|i128|u8|u16|u32|u64|u128}

Options.object closed>=3.0.0
    maxProperties count
    minProperties count
    required [text]++

Options.array closed>=3.0.0
    maxItems count
    minItems count
    uniqueItems bool

Options.vector closed>=3.2.0
    dimensions! count
    elementType {bfloat16|binary|float16|float32|float64|int8|uint8}
    distanceMetric {cosine|dotProduct|euclidean|hamming|manhattan}
    embeddingModel text
    embeddingModelVersion text
    normalized bool

Enum closed>=3.2.0
    value! scalar
    label text
    id id
    description text
    customProperties [Custom]
    authoritativeDefinitions [Definition]
    tags [text]

Synonym closed>=3.2.0
    id id
    synonym! text
    description text
    locale text
    source text
    status text
    customProperties [Custom]

ObjectRelation closed>=3.1.0 &PropertyRelation
    from! ref|[ref]+
    to! ref|[ref]+

PropertyRelation closed>=3.1.0
    id text +3.2.0
    type {foreignKey}
    to! ref|[ref]+
    customProperties [Custom]

Quality closed>=3.1.0
    id id +3.1.0
    authoritativeDefinitions [Definition]
    businessImpact text
    customProperties [Custom]
    description text
    dimension {accuracy|completeness|conformity|consistency|coverage|timeliness|uniqueness}
    method text
    name text
    schedule text
    scheduler text
    severity text
    tags [text]
    type {text|library|sql|custom}
    unit text

Quality.text closed>=3.1.0 &Quality

Operators
    mustBe any
    mustNotBe any
    mustBeGreaterThan number
    mustBeGreaterOrEqualTo number
    mustBeLessThan number
    mustBeLessOrEqualTo number
    mustBeBetween pair
    mustNotBeBetween pair

Quality.library closed>=3.1.0 &Quality &Operators
    metric! {nullValues|missingValues|invalidValues|duplicateValues|rowCount} +3.1.0
    rule! text -3.0.2
    rule text +3.1.0
    arguments map +3.1.0

Quality.sql closed>=3.1.0 &Quality &Operators
    query! text

Quality.custom closed>=3.1.0 &Quality
    engine! text
    implementation! text|map

Definition closed>=3.1.0
    id id +3.1.0
    url! text
    type! text
    description text +3.1.0

Support closed>=3.1.0
    id id +3.1.0
    channel! text
    url!<3.1.0 text
    description text
    tool text
    scope text
    invitationUrl text
    customProperties [Custom] +3.1.0

Price closed>=3.1.0
    id id +3.1.0
    priceAmount number
    priceCurrency text
    priceUnit text

Member closed>=3.1.0
    id id +3.1.0
    username!>=3.1.0 text
    name text +3.0.2
    description text +3.0.2
    role text
    dateIn text
    dateOut text
    replacedByUsername text
    tags [text] +3.1.0
    customProperties [Custom] +3.1.0
    authoritativeDefinitions [Definition] +3.1.0

Team closed>=3.1.0
    id id
    name text
    description text
    members [Member]
    tags [text]
    customProperties [Custom]
    authoritativeDefinitions [Definition]

Sla closed>=3.1.0
    id id +3.1.0
    property! text
    value! scalar
    valueExt scalar
    unit text
    element text
    driver text
    description text +3.1.0
    scheduler text +3.1.0
    schedule text +3.1.0
    customProperties [Custom] +3.2.0
    authoritativeDefinitions [Definition] +3.2.0

Custom closed>=3.1.0
    id id +3.1.0
    property!>=3.1.0 text
    value!>=3.1.0 any
    description text +3.1.0
    vendor text +3.2.0
"""
