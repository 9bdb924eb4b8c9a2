"""What our own programs import before they do anything: nothing that only frames need."""

from __future__ import annotations

import subprocess
import sys


def _printed(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def test_the_command_imports_neither_pandas_nor_numpy() -> None:
    program = "import sys, cli.main; print(sorted({'numpy', 'pandas', 'sqlite_utils'} & sys.modules.keys()))"
    assert _printed(program) == "['sqlite_utils']"


def test_neither_do_the_service_and_its_readers() -> None:
    program = "import sys, server.__main__, server.run, server.app, server.reader; print('pandas' in sys.modules)"
    assert _printed(program) == "False"


def test_a_check_of_somebody_elses_may_import_them_afterwards() -> None:
    assert _printed("import cli.main, numpy, pandas; print(pandas.Series([1, 2]).sum())") == "3"


def test_a_program_that_imported_them_before_keeps_them() -> None:
    program = "import numpy, sys, cli.main; print(sys.modules['numpy'] is numpy, 'pandas' in sys.modules)"
    assert _printed(program) == "True False"
