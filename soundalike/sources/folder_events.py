"""Events of a folder and everything below it, from the operating system, through watchdog.

Linux reports changes (inotify) for each folder singly, up to a limit; watchdog 6 does not see what
happens in a folder that was moved in, and keeps all that it has taken when the limit is reached.
Both are mended here.
"""

import os
import sys
import traceback
from contextlib import suppress

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

# Not among them: that a file is opened or closed, which reading it does too.
EVENTS: list[type[FileSystemEvent]] = [
    *(FileCreatedEvent, FileModifiedEvent, FileClosedEvent, FileMovedEvent, FileDeletedEvent),
    *(DirCreatedEvent, DirMovedEvent, DirDeletedEvent),
]

if sys.platform == "linux":
    from watchdog.observers.inotify import InotifyEmitter
    from watchdog.observers.inotify_c import Inotify

    class FolderEmitter(InotifyEmitter):
        """The source of a folder's events."""

        def on_thread_start(self) -> None:
            """Watch every folder; if the limit is reached (OSError), give back what was taken."""
            try:
                super().on_thread_start()
            except OSError as error:
                for frame, _ in traceback.walk_tb(error.__traceback__):
                    handle = frame.f_locals.get("self")
                    if isinstance(handle, Inotify):
                        with suppress(AttributeError):  # it has nothing yet
                            handle._close_resources()
                        break
                raise

        def queue_event(self, event: FileSystemEvent) -> None:
            """Pass an event on, and watch a folder that it is about too."""
            buffer = self._inotify
            if isinstance(event, DirCreatedEvent) and buffer:
                with suppress(OSError):  # gone again, or the limit is reached: scans still find it
                    buffer._inotify.add_watch(os.fsencode(event.src_path))
            super().queue_event(event)

        def is_whole(self) -> bool:
            """Return whether events still arrive: the folder may have been unmounted."""
            buffer = self._inotify
            return self.is_alive() and buffer is not None and buffer.is_alive()


def start_observer(folder: str, handler: FileSystemEventHandler) -> BaseObserver:
    """Start to report events below the folder to the handler; a large folder takes a while.

    Raises OSError: ENOSPC or EMFILE if a limit of the operating system is reached.
    """
    observer = BaseObserver(FolderEmitter) if sys.platform == "linux" else Observer()
    observer.schedule(handler, folder, recursive=True, event_filter=EVENTS)
    observer.start()
    return observer


def still_reports(observer: BaseObserver) -> bool:
    """Return whether the observer still reports events."""
    sources = [getattr(emitter, "is_whole", emitter.is_alive) for emitter in observer.emitters]
    return observer.is_alive() and bool(sources) and all(works() for works in sources)
