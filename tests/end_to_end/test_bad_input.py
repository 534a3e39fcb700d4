"""A mistake in a user's data stops the real workflow before any training."""

from tests.helpers.bad_input import BASE, SENTENCES, table


def test_a_mistake_in_the_data_stops_the_real_workflow_before_any_training(workspace):
    (workspace.folder / "rows.csv").write_text(table("a,1.5"))
    config = workspace.config("mistaken", data=BASE["data"], limit={})
    done = workspace.snakemake("--cores", "2", "--configfile", config)
    assert done.returncode != 0
    assert f"Error: {SENTENCES['labels with decimals']}" in done.stdout
    assert "Traceback" not in done.stdout
    assert not (workspace.folder / "results" / "mistaken" / "runs").exists()
