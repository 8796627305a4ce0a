"""Two models are compared query by query, on the same tracks, and no difference is invented."""

import json
from dataclasses import replace
from io import StringIO

import numpy as np
import pandas as pd
import pytest

from soundalike.errors import LibraryError
from soundalike.evaluation.comparison import Difference, paired, require_same_tracks
from soundalike.evaluation.hubness import Hubness
from soundalike.evaluation.measures import SPACE, as_csv, as_json, measures
from soundalike.evaluation.report import COPIES, EVERY, FILTERED, Report
from soundalike.evaluation.retrieval import METRICS, Floats, Interval, bootstrap
from soundalike.evaluation.study import Retrieval, Space

ALONE = np.full(200, "")


def compared(own: Floats, other: Floats, groups: np.ndarray = ALONE) -> Difference:
    [difference] = paired(("a", "b"), {"a": {"s": {"m": own}}, "b": {"s": {"m": other}}}, groups)
    return difference


def test_a_model_differs_from_itself() -> None:
    values = np.random.default_rng(0).random(200)
    assert compared(values, values).mean == Interval(0, 0, 0)
    assert compared(values, values).better == ""


def test_a_small_difference_on_every_query_is_lost_among_hard_and_easy_ones() -> None:
    random = np.random.default_rng(0)
    hard = random.random(200)
    own, other = hard + 0.02 + 0.01 * random.standard_normal(200), hard
    difference = compared(own, other)
    first, second = bootstrap(own, ALONE), bootstrap(other, ALONE)
    assert difference.mean.mean == pytest.approx(own.mean() - other.mean())
    assert difference.better == "a"
    assert first.low < second.high, "unpaired, the intervals overlap"
    assert compared(other, own).better == "b"


def test_tracks_of_one_artist_are_taken_for_independent() -> None:
    """Ten artists, whose tracks all say the same: as certain as ten tracks, not as two hundred."""
    own = np.repeat(np.random.default_rng(1).standard_normal(10), 20)
    artists = np.repeat([f"artist {n}" for n in range(10)], 20)
    grouped, alone = (compared(own, np.zeros(200), groups).mean for groups in (artists, ALONE))
    assert grouped.high - grouped.low > 3 * (alone.high - alone.low)


@pytest.mark.slow
def test_intervals_hold_the_true_difference_as_often_as_they_say() -> None:
    random = np.random.default_rng(2)
    held = 0
    for _ in range(200):
        own = random.standard_normal(200)
        mean = compared(own + 0.3, np.zeros(200)).mean
        held += mean.low <= 0.3 <= mean.high
    assert 0.9 <= held / 200 <= 0.99


def test_a_handful_of_artists_decides() -> None:
    """Nine artists that all agree: the interval excludes 0, and is not to be trusted."""
    own, artists = np.full(200, 0.1), np.array([f"artist {n % 9}" for n in range(200)])
    few = compared(own, np.zeros(200), artists)
    assert (few.groups, few.better) == (9, "")
    assert few.mean.low > 0
    assert compared(own, np.zeros(200)).groups == 200


def test_ten_artists_are_enough_to_decide() -> None:
    artists = np.array([f"artist {n % 10}" for n in range(200)])
    enough = compared(np.full(200, 0.1), np.zeros(200), artists)
    assert (enough.groups, enough.better) == (10, "a")


def test_tracks_that_were_no_query_count() -> None:
    own = np.array([1.0, np.nan, 0.5, np.nan])
    other = np.array([0.5, np.nan, 0.5, 1.0])
    difference = compared(own, other, np.full(4, ""))
    assert (difference.queries, difference.mean.mean) == (2, 0.25)
    assert difference.groups == 2


def test_models_that_embed_other_tracks_are_compared() -> None:
    paths = {"1": "/m/1.flac", "2": "/m/2.flac", "3": "/m/3.flac"}
    require_same_tracks(paths, ("a", "b"), {"a": {"1", "2"}, "b": {"2", "1"}})
    for pair in (("a", "b"), ("b", "a")):
        with pytest.raises(
            LibraryError, match=r"b cannot embed 1 of .* that a can: /m/3\.flac"
        ) as no:
            require_same_tracks(paths, pair, {"a": {"1", "2", "3"}, "b": {"1", "2"}})
        assert ".soundalikeignore" in str(no.value)


@pytest.mark.parametrize(("count", "ending"), [(5, r"4\.mp3\."), (6, r"4\.mp3, \.\.\.\.")])
def test_all_files_that_only_one_model_embeds_are_named(count: int, ending: str) -> None:
    paths = {str(number): f"/m/{number}.mp3" for number in range(count)}
    with pytest.raises(LibraryError, match=rf"{count} of .*: /m/0\.mp3, .*{ending}\nOnly"):
        require_same_tracks(paths, ("a", "b"), {"a": paths, "b": set()})


def reported(queries: int) -> Report:
    mean = Interval(0.5, 0.25, float("nan"))
    result = Retrieval(queries, {}, dict.fromkeys(METRICS, mean))
    space = Space(16, Hubness(1.5, 0.1, 0.2), np.zeros(3, np.intp), np.linspace(0, 1, 5))
    difference = Difference("s", "m", "a", "b", queries, queries, Interval(-0.1, -0.2, -0.05))
    return Report(
        facts=["3 tracks"],
        every={"a": result},
        filtered={"a": result},
        spaces={"a": space},
        copies={"MP3": {"a": mean}},
        copied=2,
        differences=[difference],
    )


def test_markdown_csv_and_json_say_the_same() -> None:
    report = reported(12)
    table = measures(report)
    assert len(table) == 4 + 4 + 4 + 5 + 1 + 1
    assert not table.duplicated(["section", "measure", "model", "against"]).any()
    read = pd.read_csv(StringIO(as_csv(report)))
    [row] = read[read["against"] == "b"].to_dict("records")
    assert (row["queries"], row["value"], row["low"], row["high"]) == (12, -0.1, -0.2, -0.05)
    told = json.loads(as_json(report))
    assert told["facts"] == ["3 tracks"]
    assert len(told["measures"]) == len(table)
    assert told["measures"][0]["high"] is None, "JSON has no NaN"
    assert {row["section"] for row in told["measures"]} == {
        *(EVERY, FILTERED, COPIES, SPACE),
        "s",
    }
    assert told["measures"][-1] == {
        "section": "s",
        "measure": "m",
        "model": "a",
        "against": "b",
        "queries": 12,
        "value": -0.1,
        "low": -0.2,
        "high": -0.05,
    }
    cells = [cell.strip() for line in report.markdown().splitlines() for cell in line.split("|")]
    assert {"-0.100 (-0.200 to -0.050)", "b"} <= set(cells)


def test_json_has_all_digits_of_a_measure() -> None:
    report = reported(12)
    mean = Interval(1 / 3, 0.1, 2 / 3)
    report = replace(report, copies={"MP3": {"a": mean}})
    [row] = [row for row in json.loads(as_json(report))["measures"] if row["section"] == COPIES]
    assert (row["value"], row["high"]) == (pytest.approx(1 / 3, abs=1e-14), pytest.approx(2 / 3))


def test_ten_queries_are_enough_and_nine_are_not() -> None:
    enough, few = reported(10).markdown(), reported(9).markdown()
    assert "All tracks as candidates: 10 queries" in enough
    assert "-0.100 (-0.200 to -0.050)" in enough
    assert "Too few queries have a relevant candidate (9)" in few
    assert "1 measures have too few queries" in few


def test_a_difference_of_a_few_queries_is_named_as_one() -> None:
    text = reported(3).markdown()
    assert "1 measures have too few queries" in text
    assert "-0.100" not in text
