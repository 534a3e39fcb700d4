"""The way from a config to its settings, which are checked before anything runs; each mistake gets a sentence."""

import difflib

from pydantic import ValidationError

from bitsweep.config.data_checks import check_data, peek_labels
from bitsweep.config.messages import explain
from bitsweep.config.settings import NO_NAMES, FilesData, FolderEncoder, HubEncoder, Settings
from bitsweep.data.labels import are_names, order_of_names
from bitsweep.data.readers import is_address
from bitsweep.errors import UserError
from bitsweep.model.encoder_files import check_max_length, choose_files
from bitsweep.model.modes import BUILT_IN, KINDS
from bitsweep.places import find_folder


def load_settings(config: dict) -> Settings:
    """Check a config; raise UserError with a sentence for each thing that is wrong with it."""
    if "pretrain" in config:
        raise UserError(
            "pretrain is not a key of an experiment's config: put it into a config of its own, and call "
            "snakemake --snakefile pretraining/Snakefile --configfile with that one."
        )
    try:
        settings = Settings.model_validate(config)
    except ValidationError as error:
        raise UserError("\n".join(explain(detail) for detail in error.errors())) from None
    check_grid(settings)
    check_modes(settings)
    check_study(settings)
    check_data(settings)
    check_encoder(settings.encoder, settings.max_length)
    return name_values(settings)


def check_grid(settings: Settings) -> None:
    sections = {"grid": settings.grid, **{f"modes.{name}": mode for name, mode in settings.modes.items()}}
    if settings.study:
        sections["study"] = settings.study
    for section, grid in sections.items():
        for key, values in grid:
            if not isinstance(values, list):
                continue
            twice = [value for index, value in enumerate(values) if value in values[:index]]
            if twice:
                raise UserError(f"{section}.{key} has {twice[0]!r} more than once: remove the duplicate.")


def check_modes(settings: Settings) -> None:
    for name in settings.modes:
        if name.lower() in NO_NAMES:
            raise UserError(f"modes.{name} is a word that tables do not read as a name: give the mode another one.")
    defined = {name for name, mode in settings.modes.items() if mode.definition()}
    known = [*BUILT_IN, *sorted(defined)]
    for index, name in enumerate(settings.grid.mode):
        if name not in known:
            raise UserError(
                f"grid.mode[{index}] is {name!r}: set it to one of {', '.join(known)}, or say under modes.{name} what "
                "it trains."
            )
    for name, mode in settings.modes.items():
        if name in BUILT_IN and mode.definition():
            key = next(iter(mode.definition()))
            raise UserError(f"modes.{name}.{key} changes the built-in mode {name}: give your mode another name.")
        if name not in known:
            raise UserError(
                f"modes.{name} is not a built-in mode and has no key train: say there which parameters train."
            )
        for part in mode.train or ():
            # A parameter's name has dots.
            if part not in KINDS and not set(part) & set("*?[."):
                near = difflib.get_close_matches(part, KINDS, n=1)
                hint = f"did you mean {near[0]}?" if near else f"set it to one of {', '.join(KINDS)}, or to a pattern."
                raise UserError(f"modes.{name}.train has {part!r}, which is no kind of parameters: {hint}")
        if mode.random and (mode.train or mode.lora):
            raise UserError(f"modes.{name}.random is {mode.random!r}: remove it, or remove train and lora beside it.")
        # A mode with low-rank updates is no choice: they are not among the encoder's parameters.
        choices = [other for other in known if settings.mode_as_written(other).keys() == {"train"}]
        if mode.random and mode.random not in choices:
            raise UserError(f"modes.{name}.random is {mode.random!r}: set it to one of {', '.join(choices)}.")


def check_study(settings: Settings) -> None:
    limit = settings.limit.train
    if settings.study and limit and settings.study.train_size[-1] > limit:
        raise UserError(
            f"study.train_size has {settings.study.train_size[-1]}, but limit.train is {limit}: remove that size, "
            "or raise the limit."
        )


def name_values(settings: Settings) -> Settings:
    """Return the settings, with `label_names` as `data.values` where a local file has names in its label column."""
    data = settings.data
    if not isinstance(data, FilesData) or data.values or is_address(data.train):
        return settings
    first = peek_labels(data, "train")
    if first.class_names:
        # Names in another order than the file's own are found by their names.
        order = order_of_names(first.class_names, settings.label_names)
        if order == "mixed":
            raise UserError(
                f"label_names is {settings.label_names!r}, but {data.train} names its labels {first.class_names!r}: "
                "take these names, or set data.values to the numbers that stand in the column for each of label_names."
            )
        if order != "permuted":
            return settings
    elif not are_names(first.labels, settings.label_names):
        return settings
    return settings.model_copy(update={"data": data.model_copy(update={"values": settings.label_names})})


def check_encoder(encoder: FolderEncoder | HubEncoder, max_length: int) -> None:
    if not isinstance(encoder, FolderEncoder):
        return
    folder = find_folder(encoder.path)
    if not folder.is_dir():
        raise UserError(
            f"encoder.path is {encoder.path!r}, but there is no such folder: correct the path, or make that encoder "
            "first (docs/pretrain.md)."
        )
    choose_files([path.name for path in folder.iterdir()], encoder.path, "encoder.path")
    check_max_length(folder / "config.json", max_length)
