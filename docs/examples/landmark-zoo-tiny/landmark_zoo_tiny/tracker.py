"""tiny_tracker: the figures of a run as lines of JSON, in a file of its folder."""

import json
from collections.abc import Mapping

from zoo.api import TrackedRun, Tracker


class Lines:
    def begin(self, run: TrackedRun) -> None:
        self.file = run.folder / "tiny_tracker" / "epochs.jsonl"
        self.file.parent.mkdir(exist_ok=True)
        # A resumed run repeats the epochs after its saved state: only those before it are kept.
        kept = [json.dumps(row) + "\n" for row in run.history]
        self.file.write_text("".join(kept), encoding="utf-8")

    def step(self, step: int, figures: Mapping[str, float]) -> None:
        pass

    def epoch(self, step: int, figures: Mapping[str, float]) -> None:
        with self.file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(dict(figures)) + "\n")

    def close(self, ending: str) -> None:
        with self.file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"ending": ending}) + "\n")


plugin = Tracker(
    build=Lines,
    summary="a run's figures as lines of JSON",
    api_version=2,
)
