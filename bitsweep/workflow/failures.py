"""The last words of a call whose jobs failed: what their logs end with, each sentence once."""

import atexit
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from bitsweep.workflow.snakemake_internals import FailedJob

# How a script tells a mistake of its user (`jobs.entry.run`).
MARK = "Error: "
TRACEBACK = "Traceback (most recent call last):"


def say_at_end(failed: Sequence[Sequence[FailedJob]], began: float) -> None:
    """Print why jobs failed when the process ends, so that nothing stands below: Snakemake's own words come first.

    `failed` has the failed jobs, those of a group in one list; logs from before the time stamp `began` do not count.
    """
    lines = [*describe(failed, began)]

    def say() -> None:
        # Standard error may be closed by now.
        with suppress(OSError, ValueError):
            print("", *lines, sep="\n", file=sys.stderr, flush=True)

    if lines:
        atexit.register(say)


def describe(failed: Iterable[Iterable[FailedJob]], began: float) -> Iterator[str]:
    """Yield a sentence for each reason why jobs failed, in the order of the first logs that have it."""
    # The logs of the jobs that failed for a reason, which need not be looked at where their own sentence says it all.
    reasons: dict[str, list[Path]] = {}
    for group in sorted(failed, key=lambda group: max(time_of(job.log) for job in group)):
        ends = [(job, end_of(job.log) if time_of(job.log) >= began else "") for job in group]
        # Other jobs of the group have no part in it.
        ends = [(job, end) for job, end in ends if end] or ends[:1]
        for job, end in ends:
            whole = end.startswith(MARK)
            reason = end if whole else f"{MARK}{job.rule} failed" + (f" with {end}" if end else " without saying why")
            reasons.setdefault(reason, [])
            if not whole:
                reasons[reason].append(job.log)
    for reason, logs in reasons.items():
        more = f" and {len(logs) - 1} more" if len(logs) > 1 else ""
        yield f"{reason}: see {logs[0]}{more}" if logs else reason


def time_of(log: Path) -> float:
    """Return when a log was last written to, 0 where there is none."""
    return log.stat().st_mtime if log.exists() else 0.0


def end_of(log: Path) -> str:
    """Return the sentence that a log ends with, or the error that a traceback ends with; "" where it has neither."""
    lines = log.read_text(encoding="utf-8", errors="replace").rstrip().splitlines()
    for start in reversed(range(len(lines))):
        if lines[start].startswith(MARK):
            return "\n".join(lines[start:])
        if lines[start] == TRACEBACK:
            # An exception's message may have several lines; the first one is that behind the last place in the code.
            places = [number for number in range(start + 1, len(lines)) if lines[number].startswith(" ")]
            return lines[min(max(places, default=start) + 1, len(lines) - 1)]
    return ""
