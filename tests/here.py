"""An executor in this process: all its jobs share one warm process, where each batch would start a worker and a warm process of its own."""

import os
from concurrent.futures import Executor, Future
from unittest import mock


class Here(Executor):
    """Runs each job at once, in this process."""

    def submit(self, work, /, *given, **named):
        done = Future()
        with mock.patch.dict(os.environ):  # a job changes its worker's environment, and here that is everybody's
            try:
                done.set_result(work(*given, **named))
            except BaseException as error:  # noqa: BLE001 - as an executor does, the caller hears of it from the future
                done.set_exception(error)
        return done
