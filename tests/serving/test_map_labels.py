"""Labels stand where their tracks are, and nowhere else."""

import numpy as np

from serving.maps.colours import Categories
from serving.maps.drawn_map import NOWHERE
from serving.maps.labels import Label, labels


def of(codes: list[int], *names: str) -> Categories:
    return Categories(list(names), [0] * len(names), np.array(codes, np.uint8), 1.0)


def test_tracks_that_are_not_on_the_map_draw_no_label_to_its_corner() -> None:
    """More of the genre are nowhere than anywhere."""
    drawn = np.array([[8000 + n, 9000] for n in range(5)], np.int16)
    nowhere = np.full((50, 2), NOWHERE, np.int16)
    found = labels(np.vstack([drawn, nowhere]), of([1] * 55, "Fado"))
    assert found == [Label("Fado", 8002, 9000, 5)]


def test_a_genre_that_is_nowhere_has_no_label() -> None:
    drawn = np.array([[8000, 9000]] * 5, np.int16)
    nowhere = np.full((5, 2), NOWHERE, np.int16)
    found = labels(np.vstack([drawn, nowhere]), of([1] * 5 + [2] * 5, "Fado", "Jazz"))
    assert [label.text for label in found] == ["Fado"]
