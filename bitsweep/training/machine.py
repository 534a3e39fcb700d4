"""The machine that a run computes on, as far as its numbers depend on it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Machine:
    """The device, the number format and the threads that a run computes with.

    `precision` is the number format of matrix products (float32 or bfloat16; parameters are float32 in any case),
    `device` is cpu or cuda, `threads` are torch's.
    """

    precision: str
    device: str
    threads: int
