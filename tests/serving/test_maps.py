"""The map as it is sent: a point for each row of the served index, and what it stands for."""

import httpx
import numpy as np
import pytest
from sqlalchemy import update

from serving.maps.colours import Colour, categories, values_of
from serving.maps.drawn_map import DrawnMap
from soundalike.catalog.columns.building import columns_of
from soundalike.catalog.columns.reading import TrackFacts
from soundalike.catalog.engine import Sessions
from soundalike.catalog.file_views import FileView
from soundalike.catalog.tables import TrackRow
from soundalike.catalog.tracks import TrackView
from soundalike.maps.draw import draw_map
from soundalike.storage.atomic import remove_folder
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.index.open_index import OpenIndex
from soundalike.vectors.map_files import POINTS, Points, read_manifest, read_points, write_map
from tests.damage import flip_a_bit

from .collection import Collection, numbered
from .service import eventually, eventually_serves, problem_of

Sent = tuple[np.ndarray, np.ndarray, np.ndarray]


@pytest.fixture
async def mapped(api: httpx.AsyncClient, collection: Collection) -> Collection:
    """Twenty tracks of Fado and five of Jazz, five without a genre."""
    for genre, count in (("Fado", 20), ("Jazz", 5), (None, 5)):
        facts = {"genres": [genre], "genre": genre} if genre else {}
        collection.add(*numbered(count, **facts))
    await publish(api, collection)
    return collection


async def publish(api: httpx.AsyncClient, collection: Collection) -> None:
    version = collection.publish()
    draw_map(collection.sessions, collection.store)
    await eventually_serves(api, version)


async def points(api: httpx.AsyncClient, colour: str = "genre") -> Sent:
    about = (await api.get("/v1/map")).json()
    path = f"/v1/map/{about['layout']}/{about['index_version']}/points"
    answer = await api.get(path, params={"colour": colour})
    assert answer.status_code == 200, answer.text
    count, content = about["tracks"], answer.content
    assert len(content) == 5 * count
    x, y = np.frombuffer(content, "<i2", 2 * count).reshape(2, count)
    return x, y, np.frombuffer(content, np.uint8, count, 4 * count)


async def test_points_are_those_of_the_rows(api: httpx.AsyncClient, mapped: Collection) -> None:
    x, y, _ = await points(api)
    ids = sorted(mapped.vectors)
    about = (await api.get("/v1/map")).json()
    manifest = read_manifest(mapped.store.map(about["index_version"]))
    drawn = read_points(mapped.store.map(about["index_version"]), manifest)
    assert drawn.track_ids == ids
    np.testing.assert_allclose(np.stack([x, y], 1) / 32767, drawn.positions, atol=1e-4)
    body = {"index_version": about["index_version"], "rows": [3, 29, 30, 999], "ids": [ids[7], "x"]}
    found = (await api.post("/v1/tracks/lookup", json=body)).json()["items"]
    assert [each["row"] for each in found] == [3, 29, 7]
    assert [each["track"]["id"] for each in found] == [ids[3], ids[29], ids[7]]
    assert found[0]["at"] == [x[3], y[3]]


@pytest.mark.slow
async def test_colours_are_the_commonest_values(api: httpx.AsyncClient, mapped: Collection) -> None:
    about = (await api.get("/v1/map")).json()
    assert about["colour"] == "genre"
    assert about["colours"]["genre"] == [
        {"id": 1, "name": "Fado", "tracks": 20},
        {"id": 2, "name": "Jazz", "tracks": 5},
    ]
    _, _, codes = await points(api)
    assert np.bincount(codes).tolist() == [5, 20, 5]
    _, _, heard = await points(api, "tag")
    assert set(heard) == {1}
    labels = about["labels"]["genre"]
    assert {label["text"] for label in labels} <= {"Fado", "Jazz"}
    assert labels[0]["text"] == "Fado"


@pytest.mark.slow
async def test_a_retag_changes_colours_and_no_place(
    api: httpx.AsyncClient, mapped: Collection
) -> None:
    old = (await api.get("/v1/map")).json()
    before = await points(api)
    one = TrackRow.id == min(mapped.vectors)
    with mapped.sessions.begin() as session:
        session.execute(update(TrackRow).where(one).values(genre="Polka", genres=["Polka"]))

    async def polka() -> bool:
        about = (await api.get("/v1/map")).json()
        return "Polka" in {each["name"] for each in about["colours"]["genre"]}

    await eventually(polka)
    after = await points(api)
    assert (after[0] == before[0]).all()
    assert (after[1] == before[1]).all()
    path = f"/v1/map/{old['layout']}/{old['index_version']}/points"
    refused = await api.get(path, params={"colouring": old["colouring"]})
    assert problem_of(refused, 409)["type"].endswith("index-changed")
    now = (await api.get("/v1/map")).json()["colouring"]
    assert (await api.get(path, params={"colouring": now})).status_code == 200


async def test_an_index_without_a_map_is_404_until_it_is_drawn(
    api: httpx.AsyncClient, mapped: Collection
) -> None:
    assert (await api.get("/v1/map")).is_success
    mapped.add(*numbered(1))
    await eventually_serves(api, mapped.publish())
    problem = problem_of(await api.get("/v1/map"), 404)
    assert problem["type"].endswith("no-map")
    assert str(mapped.store.root) not in problem["detail"]
    body = {"index_version": (await api.get("/v1/index")).json()["version"], "rows": [0]}
    [found] = (await api.post("/v1/tracks/lookup", json=body)).json()["items"]
    assert found["at"] is None
    draw_map(mapped.sessions, mapped.store)
    assert (await api.get("/v1/map")).json()["tracks"] == 31


@pytest.mark.slow
async def test_a_damaged_map_is_no_map(api: httpx.AsyncClient, mapped: Collection) -> None:
    mapped.add(*numbered(1))
    version = mapped.publish()
    draw_map(mapped.sessions, mapped.store)
    flip_a_bit(mapped.store.map(version) / POINTS)
    await eventually_serves(api, version)
    assert problem_of(await api.get("/v1/map"), 404)["type"].endswith("no-map")


async def test_a_map_that_is_drawn_again_is_served(
    api: httpx.AsyncClient, mapped: Collection
) -> None:
    """Also where it comes and goes meanwhile, the one that was read stays."""
    before, x, y = (await api.get("/v1/map")).json(), *(await points(api))[:2]
    version = before["index_version"]
    folder = mapped.store.map(version)
    manifest = read_manifest(folder)
    old = read_points(folder, manifest)
    remove_folder(folder)
    assert (await api.get("/v1/map")).json() == before
    again = manifest.model_copy(update={"layout": "another"})
    write_map(folder, again, Points(old.track_ids, -old.positions, old.fitted))
    assert (await api.get("/v1/map")).json()["layout"] == "another"
    new_x, new_y, _ = await points(api)
    assert (new_x == -x).all()
    assert (new_y == -y).all()
    path = f"/v1/map/{before['layout']}/{version}/points"
    assert problem_of(await api.get(path), 409)["type"].endswith("index-changed")
    flip_a_bit(folder / POINTS)
    assert (await api.get("/v1/map")).json()["layout"] == "another"


@pytest.mark.slow
async def test_what_was_replaced_is_said(api: httpx.AsyncClient, mapped: Collection) -> None:
    about = (await api.get("/v1/map")).json()
    layout, version = about["layout"], about["index_version"]
    for path in (f"/v1/map/{layout}/old/points", f"/v1/map/old/{version}/points"):
        assert problem_of(await api.get(path), 409)["type"].endswith("index-changed")
    body = {"index_version": "old", "rows": [0]}
    problem_of(await api.post("/v1/tracks/lookup", json=body), 409)


@pytest.mark.parametrize("wrong", [{"rows": ["3"]}, {"rows": [True]}, {"rows": [-1]}, {"ids": [1]}])
async def test_a_wrong_lookup_is_422(api: httpx.AsyncClient, wrong: object) -> None:
    problem_of(await api.post("/v1/tracks/lookup", json={"index_version": "v"} | wrong), 422)


async def test_without_an_index_there_is_no_map(api: httpx.AsyncClient) -> None:
    problem_of(await api.get("/v1/map"), 503)


def test_a_track_that_is_not_on_the_map_is_nowhere(
    sessions: Sessions, store: ArtifactStore
) -> None:
    collection = Collection(sessions, store)
    collection.add(*numbered(5))
    index = OpenIndex.open(store.index(collection.publish()))
    manifest = draw_map(sessions, store)
    folder = store.map(manifest.index_version)
    points = read_points(folder, manifest)
    drawn = [DrawnMap.read(store, index).at(row) for row in range(5)]
    remove_folder(folder)
    without = Points(points.track_ids[1:], points.positions[1:], points.fitted[1:])
    write_map(folder, manifest.model_copy(update={"tracks": 4}), without)
    assert [DrawnMap.read(store, index).at(row) for row in range(5)] == [None, *drawn[1:]]


def test_a_position_beyond_the_edge_is_at_the_edge(
    sessions: Sessions, store: ArtifactStore
) -> None:
    collection = Collection(sessions, store)
    collection.add(*numbered(4))
    index = OpenIndex.open(store.index(collection.publish()))
    manifest = draw_map(sessions, store)
    folder = store.map(manifest.index_version)
    points = read_points(folder, manifest)
    remove_folder(folder)
    far = np.float32([[1.01, -1.01], [1, -1], [0, 0.5], [-3, 3]])
    write_map(folder, manifest, Points(points.track_ids, far, points.fitted))
    at = [DrawnMap.read(store, index).at(row) for row in range(4)]
    assert at == [(32767, -32767), (32767, -32767), (0, 16384), (-32767, 32767)]


def in_file(number: int, root: str, path: str, year: int | None = None) -> TrackFacts:
    file = FileView(root, path, path.encode(), f"/{root}".encode())
    view = TrackView(f"{number:032}", "T", None, [], None, None, [], year, 1.0, None, file, [])
    return TrackFacts(view, [], None, [], [path], [root])


def names(colour: Colour, *facts: TrackFacts) -> list[str]:
    return categories(colour, values_of(colour, [columns_of(facts)])).names


def test_folders_of_the_same_name_in_two_roots_are_two() -> None:
    one = in_file(1, "old", "Jazz/a.flac"), in_file(2, "old", "b.flac")
    assert names("folder", *one) == ["Jazz", "old"]
    both = *one, in_file(3, "new", "Jazz/Live/a.flac"), in_file(4, "new", "Jazz/b.flac")
    assert names("folder", *both) == ["new / Jazz", "old", "old / Jazz"]


def test_decades_are_in_their_order_and_no_year_is_none() -> None:
    years = 1999, 2001, 2009, None, 0, 2000
    facts = [in_file(number, "r", "a", year) for number, year in enumerate(years)]
    found = categories("decade", values_of("decade", [columns_of(facts)]))
    assert (found.names, found.counts) == (["1990s", "2000s"], [1, 3])
    assert found.codes.tolist() == [1, 2, 2, 0, 0, 2]
    assert found.known == pytest.approx(4 / 6)
