"""Asset specs: what holds of an asset whatever its runs do (owners, tags, columns, code links).

Applied to all of them in definitions.py, so that an asset's own module says only how it is made.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from sqlalchemy import URL, make_url

from pipelines.metadata import file_columns
from soundalike.settings import Settings
from soundalike.storage.layout import ArtifactStore

REPOSITORY = Path(__file__).parents[1]
Assets = Sequence[Any]  # AssetsDefinition or AssetSpec; Dagster's own functions agree on no type


def described(assets: Assets, settings: Settings) -> Assets:
    """Return the assets with what the settings and the layout of the data root say of them.

    `code_url`, `https://github.com/owner/repository` or with `/tree/branch`, makes links to the
    code on the web; without it they lead to the files of this machine.
    """
    addresses = _addresses(settings)

    def complete(spec: dg.AssetSpec) -> dg.AssetSpec:
        name = spec.key.to_user_string()
        metadata = {"dagster/uri": addresses[name]} if name in addresses else {}
        columns = {"dagster/column_schema": file_columns()} if name == "raw_audio" else {}
        return spec.merge_attributes(
            owners=list(settings.owners), tags=settings.asset_tags, metadata={**metadata, **columns}
        )

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        linked = dg.with_source_code_references(dg.map_asset_specs(complete, assets))
        return _on_the_web(linked, settings.code_url) if settings.code_url else linked


def _addresses(settings: Settings) -> dict[str, str]:
    """Return where each asset lies; a database without its user and password."""
    store = ArtifactStore(settings.data)
    url = make_url(settings.database_url or "postgresql:///soundalike")  # the private server's
    database = URL.create("postgresql", host=url.host, port=url.port, database=url.database)
    return {
        "library": str(database),
        "batch_files": str(database),
        "raw_audio": store.manifests.as_uri(),
        "resampled_audio": store.canonical.as_uri(),
        "embeddings": store.embeddings.as_uri(),
        "faiss_index": store.indexes.as_uri(),
        "published_index": store.indexes.as_uri(),
        "merged_segments": store.segments.as_uri(),
        "map_layout": store.maps.as_uri(),
    }


def _on_the_web(assets: Assets, code_url: str) -> Assets:
    url, _, branch = code_url.rstrip("/").removesuffix(".git").partition("/tree/")
    return dg.link_code_references_to_git(
        assets,
        git_url=url.removesuffix("/-"),  # as GitLab has it
        git_branch=branch or "main",
        platform="gitlab" if "gitlab" in url else "github",
        file_path_mapping=dg.AnchorBasedFilePathMapping(
            local_file_anchor=REPOSITORY, file_anchor_path_in_repository=""
        ),
    )
