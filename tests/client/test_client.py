"""The client against a real service: answers, pages, problems, and what it does without one."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from soundalike.client import (
    AsyncClient,
    Call,
    Client,
    Index,
    InvalidRequest,
    NotFound,
    SimilarTrack,
    Unauthorized,
    UnexpectedAnswer,
    Unreachable,
    endpoints,
    to_pandas,
)
from soundalike.client.operations import Operations
from soundalike.client.parameters import SearchOptions
from tests.source import REPOSITORY

from .conftest import KEY, Service

HEAVY = ("torch", "transformers", "faiss", "fastapi", "dagster", "sqlalchemy", "pandas", "numpy")

TYPED = """
from collections.abc import AsyncIterator, Iterator
from typing import assert_type

from soundalike.client import AsyncClient, Client, SimilarTracks, Track, TrackDetails

def waiting(music: Client) -> None:
    assert_type(music.get_track("x"), TrackDetails)
    assert_type(music.find_similar_tracks("x", limit=3, genres=["a"]), SimilarTracks)
    assert_type(music.all_tracks(q="x"), Iterator[Track])
    assert_type(music.get_metrics(), str)
    music.find_similar_tracks("x", limt=3)

async def awaiting(music: AsyncClient) -> None:
    assert_type(await music.get_track("x"), TrackDetails)
    assert_type(music.all_tracks(q="x"), AsyncIterator[Track])
    await music.get_track(3)
"""


def test_importing_it_loads_models_or_the_service() -> None:
    program = (
        "import sys, soundalike.client\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_answers_are_other_objects_than_the_api_s(music: Client, service: Service) -> None:
    first = service.tracks[0]
    track = music.get_track(first)
    assert (track.id, track.title, track.genres) == (first, "Saudade", ["Fado", "Folk"])
    assert track.tags[0].word == "acoustic"
    assert track.file_tags == {"track": 3}
    index = music.get_index()
    assert (index.tracks, index.created_at.tzinfo is not None) == (31, True)
    similar = music.find_similar_tracks(first, limit=3, artists=["Ana Lua", "Other"])
    assert isinstance(similar.items[0], SimilarTrack)
    assert [result.rank for result in similar.items] == [1, 2, 3]
    assert similar.track.id == first
    journey = music.find_journey(first, service.tracks[1], steps=3)
    assert [step.position for step in journey.items] == [1, 2, 3]
    assert music.list_failures().total == 0
    assert "soundalike_" in music.get_metrics()
    assert music.check_readiness().index_version == index.version
    assert music.check_liveness().status == "alive"
    assert {track.id for track in music.list_tracks(ids=service.tracks[:2]).items} == {
        *service.tracks[:2]
    }


def test_a_search_has_its_filter_where_the_api_wants_it(music: Client, service: Service) -> None:
    found = music.search_tracks_by_examples(positive=service.tracks[1:3], year_from=2000, limit=5)
    assert [result.track.title for result in found.items] == ["Saudade"]


def test_pages_end_early_or_repeat_items(music: Client, service: Service) -> None:
    tracks = [track.id for track in music.all_tracks(limit=7)]
    assert sorted(tracks) == sorted(service.tracks)
    first, *others = service.tracks
    similar = music.all_similar_tracks(first, limit=7)
    assert sorted(result.track.id for result in similar) == sorted(others)
    results = music.all_results_by_examples(positive=[first], limit=7, artists=["ana lua"])
    assert sorted(result.track.id for result in results) == sorted(others)
    assert list(music.all_failures()) == []


def test_pages_are_asked_for_only_when_they_are_needed(music: Client) -> None:
    tracks = music.all_tracks(limit=1)
    first = next(tracks)
    music.close()
    with pytest.raises(RuntimeError, match="closed"):
        next(tracks)
    assert first.title


async def test_the_asynchronous_client_answers_otherwise(service: Service, music: Client) -> None:
    async with AsyncClient(service.address, key=KEY) as client:
        first = service.tracks[0]
        assert await client.get_track(first) == music.get_track(first)
        similar = await client.find_similar_tracks(first, limit=3)
        assert similar == music.find_similar_tracks(first, limit=3)
        assert [track async for track in client.all_tracks(limit=7)] == [*music.all_tracks()]
        with pytest.raises(NotFound):
            await client.get_track("nobody")


def test_tables_lose_columns(music: Client, service: Service) -> None:
    table = music.find_similar_tracks(service.tracks[0], limit=3).to_pandas()
    assert table["rank"].tolist() == [1, 2, 3]
    assert {"score", "percentile", "id", "title", "artist", "path"} <= set(table.columns)
    every = to_pandas(music.all_tracks(limit=7))
    assert (len(every), every["year"].max()) == (31, 2011)
    assert music.list_failures().to_pandas().empty


def test_what_is_known_of_the_collection_and_of_a_track(music: Client, service: Service) -> None:
    assert music.get_stats().tracks == music.list_tracks().total == 31
    [root] = music.list_roots().items
    assert root.tracks == 31
    years = [value.value for value in music.all_facet_values("years", limit=1)]
    assert "2011" in years
    assert len(years) == music.list_facet_values("years").total
    embedding = music.get_embedding(service.tracks[0])
    assert sum(number**2 for number in embedding.vector) == pytest.approx(1, abs=1e-5)
    lineage = music.get_lineage(service.tracks[0])
    assert [made.space for made in lineage.embeddings] == [embedding.space]


def test_several_searches_are_those_one_by_one(music: Client, service: Service) -> None:
    searches: list[SearchOptions] = [
        {"positive": [track], "limit": 2, "year_from": 2000} for track in service.tracks[:3]
    ]
    pages = music.search_tracks_in_batch(searches).items
    alone = [music.search_tracks_by_examples(**search) for search in searches]
    assert [page.items for page in pages] == [page.items for page in alone]


def test_any_list_is_a_playlist(music: Client, service: Service) -> None:
    similar = endpoints.find_similar_tracks(service.tracks[0], limit=2)
    lines = music.send(similar.playlist(base="/mnt/{root}")).splitlines()
    [root] = music.list_roots().items
    paths = [result.track.path for result in music.send(similar).items]
    places = [line for line in lines if not line.startswith("#")]
    assert places == [f"/mnt/{root.name}/{path}" for path in paths]
    assert '"playlist"' in music.send(similar.playlist("jspf"))


def test_administration_is_for_its_keys(music: Client) -> None:
    assert music.retry_failures(everything=True).retried == 0
    version = music.get_index().version
    assert music.publish_version(version).version == version
    assert music.get_pipeline().state in ("idle", "working", "waiting")


def test_a_problem_is_a_class_with_what_happened(music: Client) -> None:
    with pytest.raises(NotFound, match="Unknown track: ") as unknown:
        music.get_track("no body?")
    problem = unknown.value
    assert (problem.kind, problem.status) == ("unknown-track", 404)
    assert problem.type == "urn:soundalike:problem:unknown-track"
    assert problem.title == "Unknown track"
    assert "no such track" in problem.detail
    assert problem.request_id
    with pytest.raises(InvalidRequest) as invalid:
        music.list_tracks(limit=100_000)
    [field] = invalid.value.errors
    assert (field.location, field.field) == ("query", "limit")


def test_audio_that_is_none_has_its_code(music: Client, tmp_path: Path) -> None:
    (tmp_path / "words.mp3").write_text("#EXTM3U\na.mp3\n")
    for file in (tmp_path / "words.mp3", (tmp_path / "words.mp3").read_bytes()):
        with pytest.raises(InvalidRequest) as refused:
            music.search_tracks_by_audio(file, limit=3)
        assert (refused.value.kind, refused.value.code) == ("unusable-audio", "playlist")


def test_a_wrong_key_is_told_apart(service: Service) -> None:
    with Client(service.address, key="wrong") as client, pytest.raises(Unauthorized):
        client.get_index()


def test_a_server_that_is_not_there_is_named() -> None:
    with (
        Client("http://127.0.0.1:1") as client,
        pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:1.*soundalike up"),
    ):
        client.get_index()


def test_methods_are_those_of_the_endpoints() -> None:
    """What `help` and an editor show of them."""
    with Client() as client:
        assert client.get_track.__name__ == "get_track"
        assert client.get_track.__doc__ == Operations.get_track.__doc__
        assert "track_id" in client.get_track.__annotations__


def test_the_exploration_of_the_documentation_works(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (REPOSITORY / "docs" / "notebook.md").read_text()
    recipe = next(r for r in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "Client(" in r)
    assert len(recipe.strip().splitlines()) <= 12
    names: dict[str, Any] = {}
    exec(recipe.replace("Client()", f"Client({service.address!r}, key={KEY!r})"), names)
    names["music"].close()
    assert len(names["tracks"]) == 31
    assert "Saudade" in capsys.readouterr().out


def test_the_example_of_the_readme_works(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    [example] = re.findall(
        r"```python\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL
    )
    exec(example.replace("Client()", f"Client({service.address!r}, key={KEY!r})"))
    assert "Title" in capsys.readouterr().out


def test_an_answer_of_another_program_is_named(music: Client) -> None:
    with pytest.raises(UnexpectedAnswer, match=r"/docs: the answer is not of this client"):
        music.send(Call(Index, "GET", "/docs"))


@pytest.mark.slow
def test_types_are_lost_on_the_way_through_the_methods(tmp_path: Path) -> None:
    """An editor and mypy must know each method's parameters and answer, on both clients."""
    (tmp_path / "used.py").write_text(TYPED)
    options = (
        "--strict",
        "--follow-imports=silent",
        "--config-file=",
        f"--cache-dir={tmp_path}",
        "--no-error-summary",
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, tmp_path / "used.py"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "MYPYPATH": str(REPOSITORY)},
    )
    assert [line.partition(": error: ")[2] for line in done.stdout.splitlines()] == [
        'Unexpected keyword argument "limt"; did you mean "limit"?  [call-arg]',
        'Argument 1 has incompatible type "int"; expected "str"  [arg-type]',
    ]
