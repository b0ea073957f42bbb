"""Running the stages of a run, from a fresh start or from where an earlier session left it."""

from __future__ import annotations

import contextlib

from archwright.experiments import Executor, Job, JobResult, Listener, Store, TrialRunner
from archwright.session.context import RunContext
from archwright.session.result import Result
from archwright.session.stages import Report, StoppedError, stages_of
from archwright.spaces.constraints import failures_told

__all__ = ["run_stages"]


def run_stages(
    context: RunContext, store: Store, executor: Executor[Job, JobResult], listener: Listener
) -> Result:
    """Run all stages that are still to be run, with the store locked and the run's folder in place."""
    stages = stages_of(context.config)
    steps = {kind: step for stage in stages for kind, step in stage.steps(context).items()}
    with store:
        context.open(store, executor, listener)
        store.set_fact("state", "running")
        context.log(context.notes)
        state, time_limit = "failed", executor.time_limit
        try:
            executor.open(TrialRunner(steps, context.config.objectives), context.experiment.answer)
            with context.interrupts.watched(listener), failures_told(lambda text: context.log([text])):
                for stage in stages:
                    executor.time_limit = time_limit if stage.is_limited else None
                    stage.run(context)
            state = "completed"
        except StoppedError:
            state = "stopped"
        except BaseException as error:
            state = "stopped" if isinstance(error, KeyboardInterrupt) else "failed"
            executor.close(now=True)
            with contextlib.suppress(
                Exception
            ):  # what is told is the first error, not that of a store that was lost
                store.set_fact("state", state)
                Report().run(context)
            raise
        finally:
            executor.time_limit = time_limit
        executor.close()
        store.set_fact("state", state)
        Report().run(context)
        return Result(context.run(), context.space, context.task)
