"""The evaluation as a Markdown report for people; `measures` has it for programs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from soundalike.evaluation.comparison import MIN_GROUPS, Difference
from soundalike.evaluation.retrieval import METRICS, Interval
from soundalike.evaluation.study import Retrieval, Space

MIN_QUERIES = 10
EVERY = "all tracks as candidates"
FILTERED = "only other artists and albums as candidates"
COPIES = "recall@1 of altered copies"

NOTES = """
Means, with 95 % bootstrap intervals over artists (else albums, else labels). Precision@k is the
share of the k nearest with the query's label; R-precision considers as many as have it, average
precision all of them. Only queries with at least one relevant candidate count.
"""
HUBNESS_NOTES = """
Skewness of how often each track is among others' 10 nearest (0: evenly); orphans are in no
list; the largest hub is in that share of all lists. Cosines: of random pairs.
"""
COPY_NOTES = """
Share of altered copies whose nearest track is their original, among all tracks. Each copy is
processed by the whole pipeline.
"""
DIFFERENCE_NOTES = """
Means of the differences, query by query, with 95 % bootstrap intervals over artists. A model is
named as better where the interval does not contain 0; of twenty such comparisons of equal models,
one does so by chance. What is measured of a space as a whole is below, side by side.
"""


@dataclass(frozen=True)
class Report:
    """All measurements: for each model by name, and for altered copies by alteration."""

    facts: Sequence[str]
    every: Mapping[str, Retrieval]
    filtered: Mapping[str, Retrieval]
    spaces: Mapping[str, Space]
    copies: Mapping[str, Mapping[str, Interval]]
    copied: int = 0
    differences: Sequence[Difference] = ()
    plots: Sequence[str] = ()

    def markdown(self) -> str:
        """Write the report as markdown."""
        parts = [
            "# How good the neighbours are",
            "\n".join(f"- {fact}" for fact in self.facts),
            *self._differences(),
            "## Neighbours of the same label",
            NOTES.strip(),
            *_retrieval(EVERY, self.every),
            *_retrieval(FILTERED, self.filtered),
            "## The space",
            HUBNESS_NOTES.strip(),
            _spaces(self.spaces),
        ]
        if self.copies:
            parts += ["## Altered copies and excerpts", COPY_NOTES.strip(), _copies(self.copies)]
        parts += [f"![{name}]({name})" for name in self.plots]
        return "\n\n".join(parts) + "\n"

    def _differences(self) -> list[str]:
        if not self.differences:
            return []
        first = self.differences[0]
        rows = [
            (d.section, d.measure, str(d.queries), str(d.groups), _signed(d.mean), d.better)
            for d in self.differences
            if d.queries >= MIN_QUERIES
        ]
        left_out = len(self.differences) - len(rows)
        few = [f"{left_out} measures have too few queries."] if left_out else []
        if any(each.groups < MIN_GROUPS for each in self.differences):
            few.append(
                f"Intervals over fewer than {MIN_GROUPS} artists are too narrow: no model is "
                "called better there."
            )
        head = ["", "measure", "queries", "artists", "difference", "better"]
        title = f"## {first.model} less {first.against}"
        return [title, DIFFERENCE_NOTES.strip(), table(head, rows), *few]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Format a markdown table."""
    import pandas as pd

    text: str = pd.DataFrame(rows, columns=head).to_markdown(index=False, disable_numparse=True)
    return text


def _signed(interval: Interval) -> str:
    return f"{interval.mean:+.3f} ({interval.low:+.3f} to {interval.high:+.3f})"


def _retrieval(section: str, results: Mapping[str, Retrieval]) -> list[str]:
    queries = next(iter(results.values())).queries
    head = f"### {section.capitalize()}"
    if queries < MIN_QUERIES:
        return [head, f"Too few queries have a relevant candidate ({queries})."]
    rows = [
        [model, *(str(result.means[metric]) for metric in METRICS)]
        for model, result in results.items()
    ]
    return [f"{head}: {queries} queries", table(["", *METRICS], rows)]


def _spaces(spaces: Mapping[str, Space]) -> str:
    rows = [
        [
            model,
            str(space.dimension),
            f"{space.hubness.skewness:.2f}",
            f"{space.hubness.orphans:.1%}",
            f"{space.hubness.largest_hub:.1%}",
            " / ".join(f"{cosine:.2f}" for cosine in space.cosines),
        ]
        for model, space in spaces.items()
    ]
    head = ["", "dimensions", "skewness", "orphans", "largest hub", "cosine 1/25/50/75/99 %"]
    return table(head, rows)


def _copies(copies: Mapping[str, Mapping[str, Interval]]) -> str:
    models = list(next(iter(copies.values())))
    rows = [[name, *(str(recalls[model]) for model in models)] for name, recalls in copies.items()]
    return table(["recall@1", *models], rows)
