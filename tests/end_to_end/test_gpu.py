"""A sweep whose runs share GPUs, on a machine that pretends to have some."""

from bitsweep.jobs.gpu_slots import GPUS


def test_a_sweep_with_the_gpu_profile_gives_every_run_a_gpu(workspace):
    """Through Snakemake; two GPUs are named, which torch without CUDA ignores."""
    call = ["--profile", "profiles/gpu", "--configfile", "configs/small.yaml"]
    temporary = workspace.folder / "tmp"
    temporary.mkdir()
    done = workspace.snakemake(
        "results/small/runs.csv", *call, CUDA_VISIBLE_DEVICES="1,3", TMPDIR=str(temporary), **{GPUS: ""}
    )
    assert done.returncode == 0, done.stdout
    assert "gpu_percent=12" in done.stdout
    logs = [path.read_text() for path in (workspace.folder / "results/small/logs/train_run").rglob("*.log")]
    assert len(logs) == 8
    assert all("On GPU 1." in log or "On GPU 3." in log for log in logs)


def test_the_gpu_profile_says_where_there_is_none(workspace):
    call = ["--profile", "profiles/gpu", "--configfile", "configs/small.yaml"]
    done = workspace.snakemake(*call, CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 1
    assert "use profiles/gpu on a machine where nvidia-smi lists a GPU, or leave gpu_percent out." in done.stdout
    assert not (workspace.folder / "results" / "small").exists()
