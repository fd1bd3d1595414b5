"""What a page's threads do, by the browser's own trace: processor time, which no program beside it lengthens."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from support.app_browser import Phone

__all__ = ["Busy", "Trace"]

CATEGORIES = "disabled-by-default-devtools.timeline,toplevel,__metadata"
PAGE, WORKER = "CrRendererMain", "DedicatedWorker thread"


@dataclass(frozen=True)
class Busy:
    """Milliseconds of processor time: the page's `longest` task, and what the `busiest` worker did in all."""

    longest: float
    busiest: float


class Trace:
    """What the threads of the page do from now on, until `end`."""

    def __init__(self, device: Phone) -> None:
        self._page = device.page
        self._session = device.context.new_cdp_session(device.page)
        self._events: list[dict[str, Any]] = []
        self._complete = False
        self._session.on("Tracing.dataCollected", lambda data: self._events.extend(data["value"]))
        self._session.on("Tracing.tracingComplete", lambda _: setattr(self, "_complete", True))
        self._session.send("Tracing.start", {"categories": CATEGORIES, "transferMode": "ReportEvents"})

    def end(self) -> Busy:
        """Stop, and tell."""
        self._session.send("Tracing.end")
        while not self._complete:
            self._page.wait_for_timeout(20)
        self._session.detach()
        names = {
            (event["pid"], event["tid"]): event["args"]["name"]
            for event in self._events
            if event["name"] == "thread_name"
        }
        tasks: dict[tuple[int, int], list[float]] = defaultdict(list)
        until: dict[tuple[int, int], float] = defaultdict(float)
        for event in sorted(self._events, key=lambda each: each.get("ts", 0)):
            thread = event["pid"], event["tid"]
            # A task within a task is counted with that one.
            if event["name"].endswith("RunTask") and event["ts"] >= until[thread]:
                tasks[thread].append(event.get("tdur", 0) / 1000)
                until[thread] = event["ts"] + event.get("dur", 0)
        page = [task for thread, each in tasks.items() if names.get(thread) == PAGE for task in each]
        workers = [sum(each) for thread, each in tasks.items() if names.get(thread) == WORKER]
        return Busy(max(page, default=0.0), max(workers, default=0.0))
