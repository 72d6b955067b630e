"""What comes of a run, question by question, and what of it is kept in a directory."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import monotonic

import click
from tqdm import tqdm

from benchmarks.drawing.paper import Drawn
from benchmarks.lab import Lab
from benchmarks.page import page
from benchmarks.pictures import check_paper, drawn, write
from benchmarks.report import Answer, Place, Unanswered, answered, document
from benchmarks.values import Question
from sim.workers import WorkerLost, Workers
from swarmnet.errors import Refused


def directory_of(out: str) -> Path:
    """Return the directory for the results, made if need be, before anything runs.

    Raises:
        Refused: it cannot be made, or pictures cannot be drawn.
    """
    if not out:
        raise Refused("--out '': want the name of a directory")
    directory = Path(out)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or error
        raise Refused(f"--out {out!r}: {reason}; name a writable directory") from None
    check_paper()
    return directory


def ask(lab: Lab, questions: Sequence[Question]) -> Iterator[Answer | Unanswered]:
    """Yield what each question came to.

    One that fails, whatever its reason, is told of in a line and has no answer: hours
    of others may have gone before and may follow.

    Raises:
        WorkerLost: a process died.
    """
    for one in questions:
        click.echo(f"{one.name}: running", err=True)
        began = monotonic()
        try:
            found = one.answer(lab)
        except WorkerLost:
            raise
        except Exception as error:
            why = " ".join(f"{type(error).__name__}: {error}".split())
            click.echo(f"{one.name}: no answer: {why}", err=True)
            yield Unanswered(one.name, why)
        else:
            click.echo(f"{one.name}: took {monotonic() - began:.0f} s", err=True)
            yield answered(one.name, one.asks, found)


def _drawn(answer: Answer) -> list[Drawn]:
    return drawn(answer.name, answer.rows, answer.pictures)


class Results:
    """The answers of a run so far, of which a directory, if any, holds those kept."""

    def __init__(self, where: Place, command: str, directory: Path | None) -> None:
        self.answers: list[Answer] = []
        self.unanswered: list[Unanswered] = []
        self._where, self._command = where, command
        self._directory = directory

    def keep(self, answer: Answer | Unanswered) -> None:
        """Add an answer; whatever ends the run later, it stands in results.json."""
        if isinstance(answer, Unanswered):
            self.unanswered.append(answer)
        else:
            self.answers.append(answer)
        self._write()

    def text(self) -> str:
        """Return all as JSON."""
        told = document(self._where, self._command, self.answers, self.unanswered)
        return json.dumps(told, indent=2, allow_nan=False)

    def _write(self) -> None:
        if self._directory is not None:
            # Whole or not at all, whenever it is ended.
            part = self._directory / "results.json.part"
            part.write_text(self.text() + "\n", encoding="utf-8")
            part.replace(self._directory / "results.json")

    def show(self, jobs: int = 1) -> None:
        """Write the pictures too, and the page that holds them all.

        Raises:
            WorkerLost: one of `jobs` processes died; no more comes of the run.
        """
        if self._directory is None:
            return
        self._write()
        with Workers(min(jobs, len(self.answers)) or 1) as workers:
            told = workers.map(_drawn, self.answers)
            every = tqdm(told, desc="pictures", total=len(self.answers), leave=False)
            names = (one.name for one in self.answers)
            pictures = dict(zip(names, every, strict=True))
        for of_question in pictures.values():
            write(self._directory, of_question)
        text = page(self._where, self._command, self.answers, pictures, self.unanswered)
        (self._directory / "report.html").write_text(text, encoding="utf-8")
