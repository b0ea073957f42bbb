"""How many of those that reached a stage go on to the next one."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from archwright.errors import UsageError

__all__ = ["stage_shares"]


def stage_shares(
    keep: float | Sequence[float] | str, name: str, stages: Sequence[str] | None = None
) -> tuple[Fraction, ...]:
    """The share of each stage that goes on, exactly.

    Args:
        keep: One share for all stages, or one for each; as a text separated by commas.
        name: Whose option it is, for the error.
        stages: What the stages are called, all but the last, which nothing goes on from; None where that is not known.

    Returns:
        A share for each of the stages; where these are not known, as many as were given.

    Raises:
        UsageError: When a share is no number in (0, 1), or there are not as many of them as stages.
    """
    words = keep.split(",") if isinstance(keep, str) else keep if isinstance(keep, Sequence) else [keep]
    try:
        shares = tuple(Fraction(str(word).strip()) for word in words)
    except (ValueError, ZeroDivisionError):
        shares = ()
    count = len(shares) if stages is None else len(stages)
    if not shares or not all(0 < share < 1 for share in shares) or len(shares) not in (1, count):
        each = "each stage" if stages is None else f"each of {len(stages)}: {', '.join(stages)}"
        example = ",".join(["0.5", "0.25", "0.1"][: max(count, 2)])
        raise UsageError(
            f"{name}: keep: expected a share in (0, 1) for all stages, as keep=0.25, or one for {each}; as "
            f"keep={example}; got {keep!r}"
        )
    return shares if len(shares) == count else shares * count
