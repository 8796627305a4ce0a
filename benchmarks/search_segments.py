"""A library that has grown: the same tracks in one segment, and in one large and eleven small ones.

One query in one thread, and sixteen at once; with the codes of small segments searched as one, and
(the baseline) each by itself.
"""

import json
import sys
from pathlib import Path

import numpy as np
import search_data
from search_single import K, milliseconds

from soundalike.vectors.index import codes
from soundalike.vectors.index.open_index import OpenIndex
from soundalike.vectors.queries import VectorQuery
from tests.indexes import write_segments

ALBUMS = (6000, 6000, *[1500] * 3, *[400] * 3, *[100] * 3)  # three a tier: none are merged
TOGETHER = 16


def main() -> None:
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    matrix, vectors = search_data.collection(count)
    queries = [VectorQuery(vector[None], K) for vector in vectors]
    rows = np.arange(count)
    grown = np.split(rows, np.cumsum([count - sum(ALBUMS), *ALBUMS])[:-1])
    one, several = (
        write_segments(folder / name, parts, matrix, choice="flat+pq")
        for name, parts in (("one", [rows]), ("several", grown))
    )
    joined_rows, codes.JOINED_ROWS = codes.JOINED_ROWS, 0
    opened = {"one segment": OpenIndex.open(one), "each by itself": OpenIndex.open(several)}
    codes.JOINED_ROWS = joined_rows
    opened["small ones as one"] = OpenIndex.open(several)
    answers = {name: index.search(queries) for name, index in opened.items()}
    if any(
        found.rows.tolist() != hits.rows.tolist()
        for searched in answers.values()
        for found, hits in zip(searched, answers["one segment"], strict=True)
    ):
        raise SystemExit("answers depend on the segments")
    print(f"{count} in {len(grown)} segments: ms a query{'alone':>12}{f'in {TOGETHER}':>10}")
    figures = {}
    for name, index in opened.items():
        alone = milliseconds(lambda n, index=index: index.search([queries[n]]))
        batches = len(queries) // TOGETHER
        together = milliseconds(
            lambda n, index=index: index.search(queries[n * TOGETHER : (n + 1) * TOGETHER]), batches
        )
        print(f"{name:>40}{alone:12.3f}{together / TOGETHER:10.3f}")
        key = name.replace(" ", "_")
        figures |= {f"{key}_ms_{count}": alone, f"{key}_ms_in_16_{count}": together / TOGETHER}
    figures[f"segments_ratio_{count}"] = (
        figures[f"each_by_itself_ms_{count}"] / figures[f"small_ones_as_one_ms_{count}"]
    )
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
