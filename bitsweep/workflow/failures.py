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
PLACE = '  File "'


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
    """Yield a sentence for each reason why jobs failed, in the order in which they failed first."""
    # Each reason with the logs to look at; a script's own sentence needs none.
    reasons: dict[str, list[Path]] = {}
    for group in sorted(failed, key=lambda group: max(time_of(job.log) for job in group)):
        ends = [(job, end_of(job.log)) if time_of(job.log) >= began else (job, None) for job in group]
        # Where one of a group says why, the others have no part in it.
        for job, end in [(job, end) for job, end in ends if end] or ends[:1]:
            if end and end.startswith(MARK):
                reasons.setdefault(end, [])
            elif end is None:
                reasons.setdefault(f"{MARK}{job.rule} failed before it wrote a log: what stands above may say why.", [])
            else:
                how = f"with {end}" if end else "without saying why"
                reasons.setdefault(f"{MARK}{job.rule} failed {how}", []).append(job.log)
    for reason, logs in reasons.items():
        more = f" and {len(logs) - 1} more" if len(logs) > 1 else ""
        yield f"{reason} (see {logs[0]}{more})" if logs else reason


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
            # The error stands behind the last place in the code; its message may have more lines.
            last = max(
                (number for number in range(start, len(lines)) if lines[number].startswith(PLACE)), default=start
            )
            return next((line for line in lines[last + 1 :] if not line.startswith(" ")), "")
    return ""
