"""dbt over the two batches of a folder: `good-dbt.json` and `bad-dbt.json`. Usage statistics are off in the project's flags."""

import json
import shutil
import sys
from pathlib import Path

from dbt.cli.main import dbtRunner

folder = Path(sys.argv[1])
project = folder / "project"
shutil.copytree(Path(__file__).with_name("dbt"), project)
for batch in ("good", "bad"):
    given = json.dumps({"file": f"{folder}/{batch}.parquet"})
    places = ["--project-dir", str(project), "--profiles-dir", str(project), "--target-path", batch]
    dbtRunner().invoke(["--quiet", "build", *places, "--vars", given])
    shutil.copy(project / batch / "run_results.json", folder / f"{batch}-dbt.json")
