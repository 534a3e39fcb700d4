"""The choice of the run that is exported, and of the mode that predicts."""

from bitsweep.errors import UserError


def chosen_run(selection: dict, mode: str) -> dict:
    """Return the run of a mode that is exported: that of the selected setting's first seed.

    So no seed is picked by its score. Raises UserError where no setting of the mode was sound.
    """
    if selection[mode] is None:
        raise UserError(
            f"In every setting of the mode {mode} a run diverged or failed, so there is nothing to export: remove "
            f"{mode} from grid.mode, or give it smaller learning rates."
        )
    return selection[mode]["runs"][0]


def best_mode(selection: dict[str, dict | None], metric: str) -> str:
    """Return the mode with the best validation metric, of equals that with the lower validation loss, then the first.

    Raises UserError where no mode has a sound setting.
    """
    sound = {mode: chosen for mode, chosen in selection.items() if chosen}
    if not sound:
        raise UserError(
            "In every setting of every mode a run diverged or failed, so none can predict: lower grid.learning_rate."
        )
    return max(sound, key=lambda mode: (sound[mode][f"validation_{metric}"], -sound[mode]["validation_loss"]))
