"""The assets, one module each, in data-flow order.

An asset calls one stage of soundalike/ingest and returns its report as metadata; the work itself
is done there.
"""

from pipelines.assets.batch_files import batch_files
from pipelines.assets.embeddings import embeddings
from pipelines.assets.faiss_index import faiss_index
from pipelines.assets.library import library
from pipelines.assets.map_layout import map_layout
from pipelines.assets.merged_segments import merged_segments
from pipelines.assets.published_index import published_index
from pipelines.assets.raw_audio import raw_audio
from pipelines.assets.resampled_audio import resampled_audio

ASSETS = [
    *(library, raw_audio, resampled_audio, embeddings),
    *(faiss_index, published_index, merged_segments, map_layout),
]
EXTERNAL_ASSETS = [batch_files]
