"""Run records: the configuration, the data and the results of a run.

The leaderboard reads nothing but records. They are made for sharing and committing, so they count
people and never name them.
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
