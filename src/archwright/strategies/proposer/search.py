"""Search by what a language model proposes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any

from archwright.durations import count_of
from archwright.errors import SpaceError, UsageError
from archwright.objectives import Objective, optimized
from archwright.spaces import Architecture, Space
from archwright.strategies.bayesian.observations import Observations
from archwright.strategies.proposer.conversation import (
    described_objectives,
    described_space,
    instructions,
    read_architecture,
)
from archwright.strategies.proposer.endpoint import ChatEndpoint
from archwright.strategies.proposer.proposer import Message, NoAnswerError, Proposer, UnreachableError
from archwright.strategies.randomness import random_for
from archwright.strategies.strategy import Strategy
from archwright.trials import Candidate, Trial

__all__ = ["ProposerSearch", "proposer_search"]

_MUTATIONS = 20
_LONGEST_BREAK = 16
_LONGEST_ANSWER = 4000


class ProposerSearch(Strategy):
    """Asks a language model for the next architecture, and shows it what earlier ones scored.

    As EvoPrompting (Chen et al. 2023, arXiv:2302.14838) and GENIUS (Zheng et al. 2023, arXiv:2304.10970), with any
    model and any space of decisions. An answer is read as JSON and checked by the space: one that is no architecture,
    or was proposed before, is told back with the reason, a bounded number of times. Where there is still none, or the
    model does not answer, the best architecture is mutated instead; the log says so, and the end of the search counts
    it. After two proposals in a row without an answer the next one is made without asking, after three the next two,
    then four, up to 16, so that a server that is down does not take the search's time. Once there was an answer,
    nothing that the model or its server does ends the search.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        proposer: The model.
        seed: Seed of what is random where the model gives nothing.
        history: How many earlier architectures the model is shown: half the best, half the latest.
        retries: How often an answer that cannot be taken is told back.

    Raises:
        UsageError: When a number is out of range, or no objective is to be optimised.
    """

    repeatable = False

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        proposer: Proposer,
        *,
        seed: int = 0,
        history: int = 20,
        retries: int = 2,
    ) -> None:
        self.check_space(space)
        optimized(objectives)
        if history < 1 or retries < 0:
            raise UsageError(f"expected history >= 1 and retries >= 0, got {history} and {retries}")
        self.space, self.objectives, self.proposer = space, tuple(objectives), proposer
        self.seed, self.history, self.retries = seed, history, retries
        self._known = Observations(space, self.objectives)
        self._asked = 0
        self._counts: Counter[str] = Counter()
        self._remarks: list[str] = []
        self._silent = self._break = 0

    def ask(self, running: Sequence[Candidate] = ()) -> Candidate:
        """The model's architecture; a mutant of the best one where it gives none. See `Strategy.ask`."""
        random = random_for(self.seed, self._asked)
        is_used_up = len(self._known.seen) >= self.space.size_bound
        takes_break = self._break > 0
        self._break -= takes_break
        architecture = None if is_used_up or takes_break else self._proposed()
        if architecture is None:
            architecture = self._instead(random)
        self._asked += 1
        return Candidate(architecture)

    def adopt(self, candidate: Candidate) -> None:
        """Note what an earlier session had asked for. See `Strategy.adopt`."""
        self._known.propose(candidate.architecture)
        self._asked += 1
        self._counts["earlier"] += 1

    def tell(self, trial: Trial) -> None:
        """Note the trial, for the next conversation."""
        self._known.tell(trial)

    def remarks(self) -> list[str]:
        """What went wrong since the last time. See `Strategy.remarks`."""
        told, self._remarks = self._remarks, []
        return told

    def conclusions(self) -> list[str]:
        """How many proposals were the model's, and what of its answers could not be taken."""
        counts = self._counts
        parts = [f"{counts['taken']} of {self._asked} proposals are the model's"]
        if counts["invalid"]:
            parts.append(f"{count_of(counts['invalid'], 'answer')} could not be taken and were told back")
        if counts["instead"]:
            parts.append(f"{count_of(counts['instead'], 'proposal')} came from mutation or chance instead")
        if counts["silent"]:
            parts.append(f"{count_of(counts['silent'], 'time')} there was no answer")
        if counts["earlier"]:
            parts.append(f"{counts['earlier']} are of an earlier session that did not count")
        return [f"proposer: {'; '.join(parts)}"]

    def state_dict(self) -> dict[str, Any]:
        """What is known, and the counts."""
        return {"asked": self._asked, "known": self._known.to_json(), "counts": dict(self._counts)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state.

        Raises:
            SpaceError: When the state is not of this space.
        """
        self._asked, self._counts = state["asked"], Counter(state["counts"])
        self._known = Observations.from_json(state["known"], self.space, self.objectives)
        self._remarks = []
        self._silent = self._break = 0

    def _proposed(self) -> Architecture | None:
        """A new architecture of the model's; None where there is none after all retries."""
        messages = self._opening()
        told = ""
        for _ in range(1 + self.retries):
            try:
                text = self.proposer.answer(messages)
            except (NoAnswerError, UsageError) as error:
                self._note_silence(error)
                return None
            self._silent = 0
            try:
                made = read_architecture(text, self.space)
                if self._known.seen.add(made):
                    self._known.note(made)
                    self._counts["taken"] += 1
                    return made
                told = "this architecture was proposed before; give another one"
            except SpaceError as error:
                told = str(error)
            self._counts["invalid"] += 1
            said = Message("assistant", text[:_LONGEST_ANSWER])
            messages = [*messages, said, Message("user", f"{told}. Answer with one JSON object alone.")]
        self._remarks.append(
            f"proposer: {count_of(1 + self.retries, 'answer')} in a row could not be taken, the last since {told}; "
            "going on without the model this time"
        )
        return None

    def _note_silence(self, error: NoAnswerError | UsageError) -> None:
        """Count a proposal without an answer, and how many are to be made without asking.

        Raises:
            UsageError: When there never was an answer and none is to be expected.
        """
        if not self._counts.keys() & {"taken", "invalid", "earlier"}:
            if isinstance(error, UsageError):
                raise error
            if isinstance(error, UnreachableError):
                raise UsageError(
                    f"the model never answered: {error}; start it, or correct base_url"
                ) from error
        self._counts["silent"] += 1
        self._silent += 1
        self._break = min(2 ** (self._silent - 2), _LONGEST_BREAK) if self._silent > 1 else 0
        without = f" and for the next {count_of(self._break, 'proposal')}" if self._break else ""
        self._remarks.append(
            f"proposer: the model gave no answer ({error}); going on without it this time{without}"
        )

    def _instead(self, random: Random) -> Architecture:
        """A new mutant of the best architecture, else a random one."""
        self._counts["instead"] += 1
        seen, known = self._known.seen, self._known
        best = known.best(known.snapshot().feasible, 1)
        for _ in range(_MUTATIONS if best else 0):
            try:
                mutant = self.space.mutate(known.architectures[best[0]], random)
            except SpaceError:
                break
            if seen.add(mutant):
                known.note(mutant)
                return mutant
        drawn: Architecture = seen.draw(random)
        known.note(drawn)
        return drawn

    def _opening(self) -> list[Message]:
        rows = self._shown()
        tried = "\n".join(f"{json.dumps(self._written(row))} -> {self._result(row)}" for row in rows)
        told = [
            f"The decisions:\n{described_space(self.space)}",
            f"What counts: {described_objectives(self.objectives)}.",
            f"Tried so far, {len(rows)} of {len(self._known)}:\n{tried}"
            if rows
            else "Nothing was tried so far.",
            "Propose an architecture that was not tried and should do better than all of these.",
        ]
        return [Message("system", instructions), Message("user", "\n\n".join(told))]

    def _shown(self) -> list[int]:
        """The rows of the best and of the latest architectures, the latest last."""
        known = self._known
        best = known.best(known.snapshot().feasible, (self.history + 1) // 2)
        latest = [row for row in reversed(range(len(known))) if row not in set(best)]
        return [*best, *reversed(latest[: self.history - len(best)])]

    def _written(self, row: int) -> Any:
        return self.space.to_json(self._known.architectures[row])

    def _result(self, row: int) -> str:
        known, score = self._known, self._known.scores[row]
        if score is None:
            return "not finished yet"
        if score.failed:
            return "failed"
        losses = known.snapshot().losses[row]
        told = [
            f"{objective.name} {objective.loss(loss):.6g}"  # a loss turned round twice is the value
            for objective, loss in zip(self.objectives, losses.tolist(), strict=True)
            if loss == loss
        ]
        return ", ".join(told) + ("" if score.losses else ", over a limit")


def proposer_search(
    space: Space,
    objectives: Sequence[Objective],
    *,
    base_url: str = "http://localhost:11434/v1",
    model: str | None = None,
    key_variable: str | None = None,
    temperature: float | None = None,
    timeout: float = 120.0,
    seed: int = 0,
    history: int = 20,
    retries: int = 2,
) -> ProposerSearch:
    """Ask a language model behind an HTTP endpoint of OpenAI's shape for architectures; see `ProposerSearch`.

    The endpoint is sent the decisions of the space, the objectives and what earlier architectures scored: nothing of
    the data.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        base_url: Address of the endpoint up to the version.
        model: The model's name there; None takes the first that the endpoint lists.
        key_variable: The environment variable that holds the key; None sends none.
        temperature: Of the sampling; None leaves it to the endpoint.
        timeout: Seconds to wait for an answer.
        seed: Seed of what is random where the model gives nothing.
        history: How many earlier architectures the model is shown: half the best, half the latest.
        retries: How often an answer that cannot be taken is told back.

    Raises:
        UsageError: When an option is out of range, or no objective is to be optimised.
    """
    endpoint = ChatEndpoint(
        base_url, model, key_variable=key_variable, temperature=temperature, timeout=timeout
    )
    return ProposerSearch(space, objectives, endpoint, seed=seed, history=history, retries=retries)
