"""Recall of altered copies and excerpts by each candidate for musicnn's vector.

python benchmarks/game_music.py && python benchmarks/musicnn_copies.py
"""

from pathlib import Path

import numpy as np
import torch
from musicnn_features import DeepEmbedder, split
from musicnn_variants import FeatureExtractor, load, variants

from soundalike.embedders.base import FloatArray
from soundalike.embedders.musicnn.spec import musicnn_windows
from soundalike.embedders.scheduler import embed_files
from soundalike.evaluation.alterations import COPIES, EXCERPTS
from soundalike.evaluation.recordings import altered_copies
from soundalike.evaluation.report import table
from soundalike.evaluation.retrieval import bootstrap
from soundalike.evaluation.study import recall

TRACKS = 100
SHOWN = (
    "penultimate",
    "penultimate + mid mean",
    "normalised max and mean (now)",
    "penultimate + normalised max and mean",
)


def embedded(embedder: DeepEmbedder, flacs: dict[str, Path]) -> dict[str, FloatArray]:
    """Each file's features; silent files are left out."""

    with embed_files(embedder, flacs) as items:
        return {i.item: i.result.vector for i in items if not isinstance(i.result, Exception)}


def main() -> None:
    extractor, (recordings, soundtracks, _) = FeatureExtractor(), load("first")
    flacs = {recording.track_id: recording.flac for recording in recordings}
    rows = {track: row for row, track in enumerate(flacs)}
    originals = variants(extractor(recordings, "balanced"))
    windows = musicnn_windows("balanced")
    embedder = DeepEmbedder(extractor.weights, windows, torch.device("cpu"))
    some = list(flacs)[:: -(-len(flacs) // TRACKS)]
    print(f"Copies of {len(some)} tracks among {len(flacs)}\n")
    cells = []
    for name, alteration in {**EXCERPTS, **COPIES}.items():
        with altered_copies({track: flacs[track] for track in some}, alteration) as copies:
            vectors = embedded(embedder, copies)
        own = np.array([rows[track] for track in vectors])
        stacked = np.stack(list(vectors.values())).astype(np.float64)
        altered = variants(split(stacked, extractor.network))
        hits = {way: recall(altered[way], originals[way], own) for way in SHOWN}
        intervals = (str(bootstrap(hits[way], soundtracks.album[own])) for way in SHOWN)
        cells.append([name, *intervals])
        print(cells[-1], flush=True)
    print(table(["recall@1", *SHOWN], cells))


if __name__ == "__main__":
    main()
