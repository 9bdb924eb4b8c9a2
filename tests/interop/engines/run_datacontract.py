"""datacontract-cli over the two batches of a folder: `good-datacontract.json` and `bad-datacontract.json`."""

import json
import sys
from pathlib import Path

from datacontract.data_contract import DataContract

PROPERTIES = [
    {"name": "id", "logicalType": "integer", "required": True, "unique": True},
    {"name": "email", "logicalType": "string", "required": True, "logicalTypeOptions": {"pattern": "^[^@]+@[^@]+$"}},
    {"name": "amount", "logicalType": "number", "logicalTypeOptions": {"minimum": 0}},
    {
        "name": "segment",
        "logicalType": "string",
        "quality": [
            {"metric": "invalidValues", "arguments": {"validValues": ["loyal", "regular", "lapsing"]}, "mustBe": 0}
        ],
    },
]

folder = Path(sys.argv[1])
for batch in ("good", "bad"):
    contract = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "orders",
        "version": "1.0.0",
        "status": "active",
        "servers": [{"server": "here", "type": "local", "path": f"{folder}/{batch}.parquet", "format": "parquet"}],
        "schema": [
            {
                "name": "orders",
                "properties": PROPERTIES,
                "quality": [{"metric": "rowCount", "mustBeGreaterOrEqualTo": 100}],
            }
        ],
    }
    run = DataContract(data_contract_str=json.dumps(contract)).test()
    (folder / f"{batch}-datacontract.json").write_text(run.model_dump_json(indent=1))
