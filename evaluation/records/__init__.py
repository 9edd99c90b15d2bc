"""Run records: what a run was, on what data, with what results.

A record is all that the leaderboard reads. It is meant to be shared and committed, so it counts
people and never names them.
"""

from .record_files import (
    MAX_BYTES,
    NOT_THE_CONFIGURATION,
    Source,
    config_hash,
    find_records,
    layout,
    load_record,
    save_record,
    without_collector,
)
from .schema import LARGEST, SCHEMA, RawRecord, Record, checked

__all__ = [
    "LARGEST",
    "MAX_BYTES",
    "NOT_THE_CONFIGURATION",
    "SCHEMA",
    "RawRecord",
    "Record",
    "Source",
    "checked",
    "config_hash",
    "find_records",
    "layout",
    "load_record",
    "save_record",
    "without_collector",
]
