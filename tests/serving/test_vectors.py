"""A track's vector and its lineage: the published numbers, and what is known of their origin."""

import io

import httpx
import numpy as np
import pytest

from serving.schemas.base import TRACK_ID
from soundalike.catalog import batches, results
from soundalike.catalog.engine import Sessions
from soundalike.storage.atomic import sha256_of

from .collection import SPACE, Collection, numbered
from .service import eventually_serves, problem_of


async def test_embedding_is_the_published_vector_in_both_forms(
    api: httpx.AsyncClient, collection: Collection
) -> None:
    track, *_ = collection.add(*numbered(3))
    await eventually_serves(api, version := collection.publish())
    route, expected = f"/v1/tracks/{track}/embedding", collection.vectors[track]
    answer = (await api.get(route)).json()
    vector = np.array(answer.pop("vector"), np.float32)
    assert answer == {
        "track_id": track,
        "index_version": version,
        "space": SPACE.key,
        "model": SPACE.model,
        "dimension": 8,
    }
    assert np.array_equal(vector, expected)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
    by_parameter = await api.get(route, params={"format": "npy"})
    by_header = await api.get(route, headers={"Accept": "application/x-npy, text/html;q=0.5"})
    assert by_parameter.content == by_header.content
    assert by_header.headers["content-type"] == "application/x-npy"
    assert track in by_header.headers["content-disposition"]
    loaded = np.load(io.BytesIO(by_header.content), allow_pickle=False)
    assert loaded.dtype == np.float32
    assert np.array_equal(loaded, expected)
    query = {"vector": loaded.tolist(), "limit": 1}
    [found] = (await api.post("/v1/search", json=query)).json()["items"]
    assert found["track"]["id"] == track


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/json"),
        ("application/x-npy;q=0.2, application/json;q=0.9", "application/json"),
        ("application/x-npy;q=0", "application/json"),
        ("application/x-npy;q=many", "application/json"),
        ("APPLICATION/X-NPY ; q=0.5", "application/x-npy"),
        ("", "application/json"),
    ],
)
async def test_form_is_the_preferred_one(
    accept: str, kind: str, documented: httpx.AsyncClient
) -> None:
    url = f"/v1/tracks/{TRACK_ID}/embedding"
    answer = await documented.get(url, headers={"Accept": accept})
    assert answer.headers["content-type"] == kind


async def test_tracks_without_a_vector_are_told_apart(
    api: httpx.AsyncClient, collection: Collection
) -> None:
    collection.add(*numbered(2))
    await eventually_serves(api, collection.publish())
    [later] = collection.add(*numbered(1), embedded=False)
    problem_of(await api.get("/v1/tracks/nobody/embedding"), 404)
    problem = problem_of(await api.get(f"/v1/tracks/{later}/embedding"), 409)
    assert problem["type"].endswith(":not-in-index")
    problem_of(await api.get("/v1/tracks/nobody/lineage"), 404)
    problem_of(await api.get(f"/v1/tracks/{later}/embedding?format=csv"), 422)
    lineage = (await api.get(f"/v1/tracks/{later}/lineage")).json()
    assert (lineage["batch"], lineage["embeddings"], lineage["index"]) == ("b000002", [], None)


async def test_lineage_names_batch_file_run_and_index(
    api: httpx.AsyncClient, collection: Collection, sessions: Sessions
) -> None:
    tracks = collection.add(*numbered(3))
    await eventually_serves(api, version := collection.publish())
    track = sorted(tracks)[1]
    file = collection.store.embeddings / SPACE.key / "b000001.npy"

    async def lineage() -> dict[str, object]:
        answer = await api.get(f"/v1/tracks/{track}/lineage")
        assert answer.status_code == 200, answer.text
        found: dict[str, object] = answer.json()
        return found

    before = await lineage()
    assert (before["track_id"], before["batch"]) == (track, "b000001")
    assert before["index"]["version"] == version  # type: ignore[index]
    assert before["index"]["dagster_run_id"] == "run-1"  # type: ignore[index]
    [origin] = before["embeddings"]  # type: ignore[misc]
    assert origin.pop("embedded_at")
    row = tracks.index(track)
    assert np.array_equal(np.load(file)[row], collection.vectors[track])
    assert origin == {
        "space": SPACE.key,
        "model": SPACE.model,
        "parameters": {"version": 1},
        "batch": "b000001",
        "row": row,
        "sha256": sha256_of(file),
        "dagster_run_id": None,
        "in_index": True,
    }
    with sessions.begin() as session:
        tags: dict[str, list[dict[str, object]]] = {each: [] for each in tracks}
        results.record_embeddings(session, 1, SPACE.key, "0" * 64, tags, run_id="run-2")
        assert batches.spaces_of(session, 1) == [SPACE.key]
    [origin] = (await lineage())["embeddings"]  # type: ignore[misc]
    assert (origin["sha256"], origin["dagster_run_id"]) == ("0" * 64, "run-2")
    assert origin["in_index"] is False
