"""The classification tasks of GLUE (Wang et al., 2019), as they lie in the Hub's data set nyu-mll/glue.

Metrics are those that the BitFit paper reports (Ben Zaken et al., 2022, table 1), STS-B left out, which is regression.
"""

from dataclasses import dataclass

NAME = "nyu-mll/glue"
ENTAILMENT = ("entailment", "not_entailment")


@dataclass(frozen=True)
class Task:
    """A task's columns of texts, the names of its labels in the order of their numbers, and its metric."""

    texts: tuple[str, ...]
    label_names: tuple[str, ...]
    metric: str = "accuracy"


TASKS = {
    "cola": Task(("sentence",), ("unacceptable", "acceptable"), "matthews"),
    "sst2": Task(("sentence",), ("negative", "positive")),
    "mrpc": Task(("sentence1", "sentence2"), ("not_equivalent", "equivalent"), "f1"),
    "qqp": Task(("question1", "question2"), ("not_duplicate", "duplicate"), "f1"),
    "mnli": Task(("premise", "hypothesis"), ("entailment", "neutral", "contradiction")),
    "qnli": Task(("question", "sentence"), ENTAILMENT),
    "rte": Task(("sentence1", "sentence2"), ENTAILMENT),
    "wnli": Task(("sentence1", "sentence2"), ("not_entailment", "entailment")),
}


def splits_of(task: str) -> dict[str, str]:
    """Return the data set's names of the splits that have labels: GLUE's organizers hold back those of its test splits.

    MNLI has two validation splits. One of them has other genres than the training split: it is the test split.
    """
    if task == "mnli":
        return {"train": "train", "validation": "validation_matched", "test": "validation_mismatched"}
    return {"train": "train", "validation": "validation"}


def hub_section(task: str, revision: str | None) -> dict:
    """Return the data section of a task as one of a data set on the Hub."""
    columns = dict(zip(("text", "pair"), TASKS[task].texts, strict=False))
    section = {"source": "hub", "name": NAME, "configuration": task, **splits_of(task), **columns, "label": "label"}
    return section | ({"revision": revision} if revision else {})
