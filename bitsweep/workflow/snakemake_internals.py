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
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from snakemake.io import FileOrDirectoryNotFoundError, _IOFile
from snakemake.logging import logger

from bitsweep.errors import UserError
from bitsweep.files import read_json

WRITTEN_FOR = "9.27.1"
# Where Snakemake keeps its records, in the folder that it runs in.
RECORDS = Path(".snakemake")
HOOKS = ("onstart", "onsuccess", "onerror")


def refuse(error: UserError | str) -> NoReturn:
    """End the call with a sentence alone: Snakemake would add to a raised error where in its files it arose."""
    logger.error(f"Error: {error}")
    sys.exit(1)


@dataclass(frozen=True)
class FailedJob:
    """A job that failed, or one of a group that failed."""

    rule: str
    log: Path


class Call:
    """One call of Snakemake; `workflow` is what its Snakefile sees under that name."""

    def __init__(self, workflow: Any) -> None:
        self.workflow = workflow
        # What Snakemake changes of the Snakefile that is being read: of a module, the names of its rules among others.
        self.modifier = workflow.modifier
        self.hooks: dict[str, Callable[[], None]] = {}
        self.is_interrupted = False

    @property
    def is_module(self) -> bool:
        """True where another Snakefile has this one as a `module`."""
        return not self.modifier.is_main_snakefile()

    def claim(self, results: str) -> bool:
        """Return whether this is the first reading of the Snakefile: of a module, each `use rule` is another one.

        Raises UserError for a module that cannot be: two of them have one environment of jobs, and a prefix moves
        the files of rules, but not what the code knows of them.
        """
        paths = self.modifier.path_modifier
        if paths.prefix or paths._prefix_replacements:
            raise UserError(
                f"The module {self.modifier.namespace} has a prefix, which BitSweep does not take: leave prefix and "
                f"replace_prefix out. Its files go to {results}."
            )
        first = self.workflow.__dict__.setdefault("bitsweep_results", results)
        if first != results:
            raise UserError(
                f"Two modules of this workflow are experiments of BitSweep, {first} and {results}: keep one, and call "
                "Snakemake for the other one by itself."
            )
        if "bitsweep_call" in self.workflow.__dict__:
            return False
        self.workflow.bitsweep_call = self
        return True

    @property
    def own_names(self) -> dict[str, str]:
        """The names of rules here, by those in the whole workflow, which of a module may have a prefix."""
        return {proxy.rule.name: name for name, proxy in self.modifier.rule_proxies._rules.items()}

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
        """The names or files that this call was asked to make, by default the default target. Known as above.

        Rules of a module have the names that they have here.
        """
        asked, names = self.workflow.dag_settings.targets or [self.workflow.default_target], self.own_names
        return {names.get(target, target) for target in asked}

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
            self.join_hooks()
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

    def keep_hooks(self) -> None:
        """Let onstart, onsuccess and onerror hold where this is a module: Snakemake has those of the main file alone.

        Call this after them. Those of the main Snakefile are called as well.
        """
        if self.is_module:
            self.hooks = {name: self.modifier.globals[name] for name in HOOKS if name in self.modifier.globals}

    def join_hooks(self) -> None:
        """Let a module's hooks be called before those of the main Snakefile, which has been read by now."""

        def join(own: Callable[[], None], main: Callable) -> Callable:
            def both(log: Any) -> None:
                own()
                main(log)

            return both

        for name, own in self.hooks.items():
            setattr(self.workflow, f"_{name}", join(own, getattr(self.workflow, f"_{name}")))

    def notice_interruption(self) -> None:
        """Let `is_interrupted` become true on Ctrl-C. Call this in the hook onstart."""
        executor = self.workflow.scheduler._executor
        cancel = executor.cancel

        def cancel_jobs() -> None:
            self.is_interrupted = True
            cancel()

        executor.cancel = cancel_jobs

    @property
    def failed_jobs(self) -> list[list[FailedJob]]:
        """The jobs of these rules that have failed; none after Ctrl-C.

        Those of a group are in one list, since only of the group as a whole it is known that it failed.
        """
        if self.is_interrupted:
            return []
        names = self.own_names
        failed = [job.jobs if job.is_group() else [job] for job in self.workflow.scheduler.failed]
        jobs = [
            [FailedJob(job.rule.name, Path(job.log[0])) for job in group if job.rule.name in names and job.log]
            for group in failed
        ]
        return [group for group in jobs if group]

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
