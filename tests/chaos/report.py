"""What a campaign of hits has found: a table for people, and one line of JSON for programs."""

import json
from collections import Counter
from dataclasses import dataclass, field

SHOWN = 20  # of what is wrong, of each kind


@dataclass(frozen=True)
class Struck:
    """A hit that was made: seconds until all was well again; None, and what was missing, if not."""

    name: str
    seconds: float | None
    missing: str
    answers: Counter[str]
    restarted: bool

    def line(self) -> str:
        """The row of the table."""
        healed = "not healed" if self.seconds is None else f"{self.seconds:6.1f} s"
        answers = ", ".join(f"{status}: {n}" for status, n in sorted(self.answers.items()))
        started = "; up was started again as by systemd" if self.restarted else ""
        return f"{self.name:<30}{healed:>11}  {answers}{started}  {self.missing}".rstrip()


@dataclass
class Report:
    """All hits, and what is wrong with the answers and with the library at the end."""

    struck: list[Struck] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    api_500: list[str] = field(default_factory=list)
    unjudged: int = 0

    def print(self, seconds: float, answers: Counter[str]) -> bool:
        """Print it; True if all is well."""
        print(f"{len(self.struck)} hits in {seconds:.0f} s:")
        for hit in self.struck:
            print(f"  {hit.line()}")
        for name, why in self.absent.items():
            print(f"  {name:<30} not achieved: {why}")
        for kind in ("lost", "wrong", "api_500"):
            for item in getattr(self, kind)[:SHOWN]:
                print(f"{kind}: {item}")
        healed = [hit for hit in self.struck if hit.seconds is not None]
        times = [hit.seconds for hit in healed if hit.seconds is not None]
        figures = {
            "hits": len(self.struck),
            "healed_alone": len(healed),
            "lost": len(self.lost),
            "wrong": len(self.wrong),
            "api_500": len(self.api_500),
            "unjudged": self.unjudged,
            "worst_heal_s": round(max(times, default=0.0), 1),
            "kinds": len({hit.name for hit in self.struck}),
            "restarted_as_by_systemd": sum(hit.restarted for hit in self.struck),
            "answers": dict(sorted(answers.items())),
            "seconds": round(seconds, 1),
        }
        print(json.dumps(figures))
        well = len(healed) == len(self.struck) > 0
        return well and not (self.lost or self.wrong or self.api_500)
