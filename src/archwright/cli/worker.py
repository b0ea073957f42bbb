"""`archwright worker`."""

from __future__ import annotations

import sys

from archwright.cli.described import described
from archwright.cli.exit_codes import INTERRUPTED

__all__ = ["worker"]


@described
def worker(
    url: str,
    run: str | None = None,
    workers: int = 1,
    folder: str | None = None,
    lease: float = 60.0,
    slurm: int | None = None,
    slurm_option: list[str] | None = None,
) -> None:
    """Take trials of a search whose store is on PostgreSQL, on this machine beside others.

    \b
    On the machine that begins the search, and on each that helps, the same key:
      export ARCHWRIGHT_KEY=...            # a long random text: openssl rand -hex 32
    Begin the search; with --workers 0 it is left to the workers, and `archwright resume RUN` does the rest:
      archwright search digits --trials 200 --store postgresql://me@db/nas --workers 1
    Help, on any machine, as often as you like; workers come and go:
      archwright worker postgresql://me@db/nas

    What a worker runs is code out of the database. It is signed with the key, and nothing is run that is not. When
    nothing is heard of a worker for its lease, its trials are given to others, from their last checkpoint where
    the run's folder is reached. Ctrl-C leaves after the running trials.

    Submit workers to Slurm, with what sbatch takes as submitit calls it:
      archwright worker postgresql://me@db/nas --slurm 16 --slurm-option slurm_partition=gpu

    Args:
        url (URL): The database, postgresql://user@host/database; its password by PGPASSWORD or ~/.pgpass.
        run (NAME): The run's name; by default the only one that goes on.
        workers (-w): Trials at once, each in its process.
        folder (DIR): The run's folder as it is mounted here, for checkpoints; by default where it was begun.
        lease (SECONDS): Without a sign of life after which others take over what this worker runs.
        slurm (N): Submit N workers as jobs instead, by submitit (extra slurm), and end.
        slurm_option (NAME=VALUE): A parameter of submitit's, such as timeout_min=720, gpus_per_node=1 or
            slurm_partition=gpu; may be given several times.
    """  # noqa: D301
    from archwright.cli.values import keyed
    from archwright.session.slurm import submit_workers
    from archwright.session.working import work

    if slurm is not None:
        words = [url, "--workers", str(workers), "--lease", str(lease)]
        words += ["--run", run] if run else []
        words += ["--folder", folder] if folder else []
        options = keyed(slurm_option or [], "--slurm-option", "slurm_partition=gpu")
        where, jobs = submit_workers(slurm, words, options=options)
        print(
            f"submitted to {where}: {', '.join(str(job.job_id) for job in jobs)}; logs in archwright-workers/"
        )
        return

    reason = work(url, run=run, workers=workers, folder=folder, lease=lease)
    if reason is None:
        print("left; the search goes on without this worker", file=sys.stderr)
        sys.exit(INTERRUPTED)
    print(f"the search has ended: {reason}")
