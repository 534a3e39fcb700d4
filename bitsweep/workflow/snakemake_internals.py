"""All that BitSweep uses of Snakemake beyond its language, in one place: another version may do it otherwise.

A Snakefile sees its call as `workflow`, whose attributes are no public interface. tests/workflow names the version that
this module was written for and tries each of these uses on it. The one exception is `workflow.overwrite_configfiles`,
which the main Snakefile reads before this can be imported.
"""

import base64
import binascii
import json
import os
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, NoReturn

from snakemake.io import FileOrDirectoryNotFoundError, _IOFile
from snakemake.logging import logger

from bitsweep.errors import UserError
from bitsweep.files import read_json

WRITTEN_FOR = "9.27.1"
# Where Snakemake keeps its records, in the folder that it runs in.
RECORDS = Path(".snakemake")


def refuse(error: UserError | str) -> NoReturn:
    """End the call with a sentence alone: Snakemake would add to a raised error where in its files it arose."""
    logger.error(f"Error: {error}")
    sys.exit(1)


class Call:
    """One call of Snakemake; `workflow` is what its Snakefile sees under that name."""

    def __init__(self, workflow: Any) -> None:
        self.workflow = workflow

    @property
    def names_configs(self) -> bool:
        """True where the command line names configs (`--configfile`)."""
        return bool(self.workflow.overwrite_configfiles)

    @property
    def given_config(self) -> dict:
        """The keys and values that the command line gives by `--config`."""
        return dict(self.workflow.config_settings.config)

    @property
    def is_first(self) -> bool:
        """True in the process that was called: each job parses the workflow again in a process of its own."""
        return self.workflow.is_main_process

    @property
    def is_submitted_job(self) -> bool:
        """True in a process that runs a job that was submitted to a cluster."""
        return self.workflow.remote_exec

    @property
    def is_local(self) -> bool:
        """True where jobs run on this machine. Known once the workflow is parsed."""
        return self.workflow.local_exec

    @property
    def executor(self) -> str:
        """The executor plugin's name. Known once the workflow is parsed."""
        return self.workflow.executor_plugin.name

    @property
    def runs_jobs(self) -> bool:
        """True where jobs will run: not in a dry run, nor for --touch, --summary, --dag and so on. Known as above."""
        workflow = self.workflow
        return workflow.executor_plugin is not None and not workflow.dryrun and not workflow.touch

    @property
    def cores(self) -> int:
        """The cores of this machine, or of a cluster's job."""
        return self.workflow.resource_settings.cores or 1

    @property
    def targets(self) -> set[str]:
        """The names or files that this call was asked to make; `all`, the default target, where there are none."""
        return set(self.workflow.dag_settings.targets) or {"all"}

    @property
    def gpu_percent(self) -> int | None:
        """The value of `--resources gpu_percent=`, 100 for each GPU; None where it is not given."""
        limit = self.workflow.global_resources.get("gpu_percent")
        return limit and limit.value

    def set_group_size(self, group: str, size: Callable[[], int]) -> None:
        """Set how many jobs of a group share a cluster's job, unless the profile sets it.

        Call this while jobs are planned: Snakemake sets its settings of groups after it has read the rules.
        """
        settings = self.workflow.group_settings
        if group not in settings.group_components:
            settings.group_components = {**settings.group_components, group: size()}

    def stop_limiting_starts(self) -> None:
        """Remove the limit of jobs started per second on one machine, where nothing needs it.

        The limit leaves a timer for every job that has ended, and each timer wakes the scheduler every second: after
        hundreds of runs the scheduler does nothing else.
        """
        if self.is_local:
            self.workflow.scheduler.job_rate_limiter = None

    def before_planning(self, mend: Callable[[], None], look: Callable[[], Collection[Path]]) -> None:
        """Have `mend` called before jobs are planned that will run, and `look` before a plan that is only shown.

        Neither is called for --touch, which makes no file and needs all of them, and for the deletion of outputs, which
        is to find all of them. What `look` returns counts as missing in that plan. A UserError of either ends the call
        with its sentence.
        """
        prepare, delete = self.workflow._prepare_dag, self.workflow.delete_output
        deletes = False

        def delete_output(*arguments: Any, **options: Any) -> None:
            nonlocal deletes
            deletes = True
            delete(*arguments, **options)

        def prepare_dag(*arguments: Any, **options: Any) -> None:
            hidden: Collection[Path] = ()
            try:
                if self.runs_jobs:
                    mend()
                elif not self.workflow.touch and not deletes:
                    hidden = look()
            except UserError as error:
                refuse(error)
            prepare(*arguments, **options)
            self.hide(hidden)

        self.workflow._prepare_dag, self.workflow.delete_output = prepare_dag, delete_output

    def hide(self, paths: Collection[Path]) -> None:
        """Let files count as missing in the plan that is about to be made."""
        cache, hidden = self.workflow.iocache, set(map(str, paths))
        known, size_local = type(cache.exists_local), _IOFile.size_local

        class Without(known):
            def __contains__(self, path: object) -> bool:
                return str(path) in hidden or super().__contains__(path)

            def __getitem__(self, path: object) -> bool:
                return str(path) not in hidden and super().__getitem__(path)

        async def size_of_others(file: _IOFile) -> int:
            # Otherwise Snakemake takes a file that is there, but counts as missing, for a broken link.
            if str(file) in hidden:
                raise FileOrDirectoryNotFoundError(Path(file))
            return await size_local(file)

        cache._exists_local = Without(cache)
        _IOFile.size_local = size_of_others


def forget_checkpoint(rule: Any) -> None:
    """Treat a checkpoint as a rule: in a submitted job a checkpoint would have the whole workflow planned anew."""
    rule.rule.is_checkpoint = False


def records_of(output: str | Path) -> Iterator[Path]:
    """Yield the files in which Snakemake has recorded how an output was made, or that it was begun.

    `output` is the path as it stands in the rule.
    """
    name = base64.urlsafe_b64encode(str(output).encode()).decode()
    for folder in (RECORDS / "metadata", RECORDS / "incomplete"):
        if folder.is_dir():
            longest = os.pathconf(folder, "PC_NAME_MAX") - 1
            parts = [name[start : start + longest] for start in range(0, len(name), longest)]
            record = folder.joinpath(*(f"@{part}" for part in parts[:-1]), parts[-1])
            if record.exists():
                yield record


def is_recorded(output: str | Path) -> bool:
    """Return whether Snakemake has made an output here, or begun to."""
    return next(records_of(output), None) is not None


def recorded_inputs(output: str | Path) -> list[str]:
    """Return the inputs that a finished output was made from, as Snakemake has recorded them."""
    return [path for record in records_of(output) for path in read_json(record).get("input") or []]


def submitted_jobs(folder: str | Path) -> Iterator[str]:
    """Yield the ids of submitted jobs that were to make files in `folder`. Each is recorded until its job starts."""
    incomplete = RECORDS / "incomplete"
    for root, _, names in os.walk(incomplete):
        parts = [part.removeprefix("@") for part in Path(root).relative_to(incomplete).parts]
        for name in names:
            try:
                output = base64.urlsafe_b64decode("".join([*parts, name])).decode()
                job = json.loads(Path(root, name).read_text())["external_jobid"]
            except (OSError, ValueError, KeyError, TypeError, binascii.Error):
                continue
            if job and output.startswith(f"{folder}/"):
                yield job
