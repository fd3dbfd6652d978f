"""The daemon as its owner sees it: a process, and the events of its JSON log."""

import json
import os
import queue
import signal
import subprocess
import threading
import time


class DaemonError(Exception):
    pass


class Daemon:
    def __init__(self, binary, house, outlives_us=False):
        self.binary = binary
        self.outlives_us = outlives_us
        self.house = house
        self.process = None
        self.events = queue.Queue()
        #: Lines that were no JSON: there should be none.
        self.strays = []

    def start(self):
        with open(self.house.log, "wb") as log:
            self.process = subprocess.Popen(
                [self.binary, "--config", str(self.house.configuration), "--runtime", str(self.house.run)], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=self.outlives_us, env={**os.environ, "RUNTIME_DIRECTORY": str(self.house.run)})
        threading.Thread(target=self._follow, daemon=True).start()
        while True:
            event = self.next(60)
            if event is None:
                raise DaemonError("sottod did not become ready within a minute")
            if event["event"] == "daemon.ready":
                return
            if event["event"] == "exited":
                raise DaemonError("sottod ended at once:\n" + self.house.log.read_text(errors="replace").strip())

    def next(self, seconds):
        """The next event, or None when there was none for so long."""
        try:
            return self.events.get(timeout=max(0.0, seconds))
        except queue.Empty:
            return None

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    @property
    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    def _follow(self):
        buffer = b""
        with open(self.house.log, "rb") as log:
            while True:
                read = log.read()
                if read:
                    buffer += read
                    *lines, buffer = buffer.split(b"\n")
                    for line in lines:
                        self._take(line)
                elif self.process.poll() is not None:
                    self.events.put({"event": "exited", "code": self.process.returncode})
                    return
                else:
                    time.sleep(0.01)

    def _take(self, line):
        try:
            event = json.loads(line)
            event["event"], event["level"]
        except (ValueError, KeyError, TypeError):
            self.strays.append(line.decode(errors="replace"))
            return
        event["at"] = time.monotonic()
        self.events.put(event)
