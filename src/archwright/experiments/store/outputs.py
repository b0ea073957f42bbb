"""What trials printed, and where they ran."""

from __future__ import annotations

import time
from typing import Any

import sqlalchemy as sa

from archwright.experiments.store.database import Database, explained
from archwright.experiments.store.store import Output, Stage
from archwright.experiments.store.tables import OUTPUTS

__all__ = ["OutputStore"]


class OutputStore(Database):
    """The part of a store that holds what trials printed."""

    _run: int

    @explained
    def output(
        self, number: int, attempt: int, text: str, *, place: str | None = None, stage: Stage = Stage.SEARCH
    ) -> None:
        """One insert; see `Store.output`."""
        values = {"run": self._run, "stage": stage.value, "number": number, "attempt": attempt}
        # Databases hold neither halves of surrogate pairs nor the character NUL.
        text = text.encode(errors="backslashreplace").decode().replace("\0", "\\0")
        self._live.execute(sa.insert(OUTPUTS), {**values, "time": time.time(), "text": text, "place": place})

    @explained
    def outputs(self, number: int, stage: Stage = Stage.SEARCH, *, after: int = 0) -> list[Output]:
        """One query; see `Store.outputs`."""
        return self._pieces(OUTPUTS.c.number == number, OUTPUTS.c.stage == stage.value, OUTPUTS.c.id > after)

    @explained
    def places(self, stage: Stage = Stage.SEARCH) -> dict[int, str]:
        """One query; see `Store.places`."""
        found = self._pieces(OUTPUTS.c.stage == stage.value, OUTPUTS.c.place.is_not(None))
        return {one.number: one.place for one in found if one.place is not None}

    def _pieces(self, *which: Any) -> list[Output]:
        if not sa.inspect(self._live).has_table(OUTPUTS.name):  # an earlier version made none
            return []
        c = OUTPUTS.c
        columns = (c.id, c.number, c.attempt, c.time, c.text, c.place)
        query = sa.select(*columns).where(c.run == self._run, *which).order_by(c.id)
        return [Output(*row) for row in self._live.execute(query)]
