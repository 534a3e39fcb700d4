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


def best_mode(selection: dict[str, dict | None], metric: str) -> str:
    """The mode with the best validation metric, then the lower validation loss, then the first of them.

    Raises UserError where no mode has a sound setting.
    """
    sound = {mode: chosen for mode, chosen in selection.items() if chosen}
    if not sound:
        raise UserError("No mode has a sound setting, so that none can predict: lower grid.learning_rate.")
    return max(sound, key=lambda mode: (sound[mode][f"validation_{metric}"], -sound[mode]["validation_loss"]))
