"""Reads the files of a folder with pandas, polars and DuckDB; prints what each made of them as JSON."""

import json
import math
import sys
from datetime import datetime
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet

COLUMNS = ("id", "name", "enabled", "state_since", "queue_ids", "current_pause_pause_id")
FOLDER = Path(sys.argv[1])
CSV, NDJSON, ARROW, PARQUET = (FOLDER / f"agents.{kind}" for kind in ("csv", "ndjson", "arrow", "parquet"))


def plain(value: object) -> object:
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, datetime):
        return value.astimezone(tz=None).timestamp()
    if isinstance(value, str) and value.startswith("["):
        return json.loads(value)
    return (
        [int(each) for each in value] if hasattr(value, "__len__") and not isinstance(value, str) else value
    )


def rows(columns: dict[str, list[object]]) -> list[list[object]]:
    return [[plain(value) for value in row] for row in zip(*(columns[name] for name in COLUMNS), strict=True)]


def of_pandas(frame: pd.DataFrame) -> list[list[object]]:
    return rows({name: list(frame[name].astype(object)) for name in COLUMNS})


def of_polars(frame: pl.DataFrame) -> list[list[object]]:
    return rows({name: frame[name].to_list() for name in COLUMNS})


def of_duckdb(source: str) -> list[list[object]]:
    return of_polars(duckdb.sql(f"from {source}").pl())


stream = pa.ipc.open_stream(ARROW.read_bytes()).read_all()
read = {
    "pandas": {
        "csv": of_pandas(pd.read_csv(CSV, parse_dates=["state_since"])),
        "ndjson": of_pandas(
            pd.read_json(NDJSON, lines=True, dtype=False).assign(
                state_since=lambda frame: pd.to_datetime(frame["state_since"])
            )
        ),
        "arrow": of_pandas(stream.to_pandas()),
        "parquet": of_pandas(pd.read_parquet(PARQUET)),
    },
    "polars": {
        "csv": of_polars(pl.read_csv(CSV, try_parse_dates=True)),
        "ndjson": of_polars(
            pl.read_ndjson(NDJSON).with_columns(pl.col("state_since").str.to_datetime(time_zone="UTC"))
        ),
        "arrow": of_polars(pl.read_ipc_stream(ARROW)),
        "parquet": of_polars(pl.read_parquet(PARQUET)),
    },
    "duckdb": {
        "csv": of_duckdb(f"read_csv('{CSV}')"),
        "ndjson": of_duckdb(f"read_json('{NDJSON}')"),
        "arrow": of_duckdb("stream"),
        "parquet": of_duckdb(f"read_parquet('{PARQUET}')"),
    },
}
empty = {kind: FOLDER / f"nobody.{kind}" for kind in ("csv", "ndjson", "arrow", "parquet")}
counts = {
    "pandas": [len(pd.read_csv(empty["csv"])), len(pd.read_parquet(empty["parquet"]))],
    "polars": [pl.read_csv(empty["csv"]).height, pl.read_ipc_stream(empty["arrow"]).height],
    "duckdb": [
        duckdb.sql(f"from read_csv('{empty['csv']}')").fetchall(),
        duckdb.sql(f"from read_parquet('{empty['parquet']}')").fetchall(),
    ],
}
types = {name: str(kind) for name, kind in zip(stream.schema.names, stream.schema.types, strict=True)}
metadata = {name.decode(): value.decode() for name, value in pa.parquet.read_schema(PARQUET).metadata.items()}
print(json.dumps({"read": read, "counts": counts, "types": types, "metadata": metadata}))  # noqa: T201
