"""Every bound of the formats in one place, in bytes unless the name says otherwise.

Source: docs/formats/entry.md, docs/formats/bundle.md.
"""

from __future__ import annotations

from typing import Final

MAX_INTEGER: Final = 2**53 - 1
MIN_EXT_INTEGER: Final = -(2**31)

ENTRY_BYTES: Final = 65_535  # a C2SP entry bundle gives each entry an unsigned 16-bit length
ID_BYTES: Final = 256
SOURCE_BYTES: Final = 512
TYPE_BYTES: Final = 128
SUBJECT_BYTES: Final = 256
TIME_BYTES: Final = 35
DATACONTENTTYPE_BYTES: Final = 128
DATASCHEMA_BYTES: Final = 512
SEQUENCE_BYTES: Final = 64
TRACEPARENT_BYTES: Final = 55
EXT_BYTES: Final = 4_096
POINTER_BYTES: Final = 256
STREAM_NAME_BYTES: Final = 256
MAX_PARTS: Final = 64
MAX_STREAMS: Final = 128

BODY_BYTES: Final = 16 * 1024 * 1024
JSON_DEPTH: Final = 128

ZIP_BYTES: Final = 4 * 1024**3 - 1
ZIP_MEMBERS: Final = 65_534
PATH_BYTES: Final = 240
NOTE_BYTES: Final = 1_000_000
NOTE_SIGNATURES: Final = 64
PROOF_HASHES: Final = 63
LOG_KEYS: Final = 1_024  # keys of one log, and handovers of one bundle
KEYS_FILE_BYTES: Final = 1 << 18
CENSUS_BUCKETS: Final = 65_536
CENSUS_LEVELS: Final = 16
WALK_STEPS: Final = 1 << 22  # in all walks of the certificates in one bundle (deletion-certificate.md, "Checking one")
NAMED_IN_A_GRADE: Final = 100  # datasets, streams or bodies that a certificate's grade names; the rest are counted
