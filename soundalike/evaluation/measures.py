"""The evaluation's numbers for programs: one table with a row a measure, as CSV and as JSON."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from soundalike.evaluation.hubness import QUANTILES
from soundalike.evaluation.report import COPIES, EVERY, FILTERED, Report
from soundalike.evaluation.retrieval import METRICS, Interval
from soundalike.evaluation.study import Space

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("section", "measure", "model", "against", "queries", "value", "low", "high")
SPACE = "the space"


def measures(report: Report) -> "pd.DataFrame":
    """Collect every number of a report in a table with `COLUMNS`.

    A row is a measure of a model, or of the difference between two, where `against` names the
    second. `low` and `high` bound the 95 % interval, where there is one.
    """
    import pandas as pd

    rows = [*_retrieval(report), *_spaces(report), *_copies(report), *_differences(report)]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"queries": "Int64"})


def as_csv(report: Report) -> str:
    """Write the table of measures as CSV."""
    text: str = measures(report).to_csv(index=False)
    return text


def as_json(report: Report) -> str:
    """Write facts and measures as JSON; a number that is not known is null."""
    rows = json.loads(measures(report).to_json(orient="records", double_precision=15))
    return json.dumps({"facts": list(report.facts), "measures": rows}, indent=2) + "\n"


def _retrieval(report: Report) -> Iterator[tuple[Any, ...]]:
    for section, results in ((EVERY, report.every), (FILTERED, report.filtered)):
        for model, result in results.items():
            for measure in METRICS:
                mean = _numbers(result.means[measure])
                yield section, measure, model, None, result.queries, *mean


def _spaces(report: Report) -> Iterator[tuple[Any, ...]]:
    for model, space in report.spaces.items():
        for measure, value in _of_space(space).items():
            yield SPACE, measure, model, None, None, value, None, None


def _of_space(space: Space) -> dict[str, float]:
    cosines = zip(QUANTILES, space.cosines.tolist(), strict=True)
    return {
        "dimensions": float(space.dimension),
        "skewness": space.hubness.skewness,
        "orphans": space.hubness.orphans,
        "largest hub": space.hubness.largest_hub,
        **{f"cosine {quantile:.0%}": cosine for quantile, cosine in cosines},
    }


def _copies(report: Report) -> Iterator[tuple[Any, ...]]:
    for alteration, recalls in report.copies.items():
        for model, recall in recalls.items():
            yield COPIES, alteration, model, None, report.copied, *_numbers(recall)


def _differences(report: Report) -> Iterator[tuple[Any, ...]]:
    for each in report.differences:
        mean = _numbers(each.mean)
        yield each.section, each.measure, each.model, each.against, each.queries, *mean


def _numbers(interval: Interval) -> tuple[float, float, float]:
    return interval.mean, interval.low, interval.high
