"""Which run of a mode is taken home."""

from bitsweep.errors import UserError


def chosen_run(selection: dict, mode: str) -> dict:
    """The run of a mode that is exported: of the selected setting the first seed, so that none is picked by its score.

    Raises UserError where no setting of the mode was sound.
    """
    if selection[mode] is None:
        raise UserError(
            f"No setting of the mode {mode} was sound, so there is nothing to export: remove it from grid.mode, or "
            "give it smaller learning rates."
        )
    return selection[mode]["runs"][0]
