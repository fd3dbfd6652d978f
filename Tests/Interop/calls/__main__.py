"""Calls between sottod and other people's SIP stacks, over TLS and SRTP, on loopback.

    python3 Tests/Interop/calls --binaries FOLDER [--only WORD] [--keep FOLDER]

Each scenario is a function named `test_…` in a module of this folder. It has a gateway of its own, and holds if it raises nothing. With
--keep the logs stay, also those of scenarios that held.
"""

import argparse
import importlib
import pathlib
import shutil
import sys
import tempfile
import time
import traceback

here = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(here), str(here.parent.parent.parent / "Scripts" / "lib" / "demo")]

MODULES = ["calls_to_us", "calls_from_us", "proxies"]


class World:
    """What a scenario may use: a folder, the executables, and a place to register what must be stopped."""

    def __init__(self, binaries, folder):
        self.binaries, self.folder = binaries, folder
        self._running = []

    def started(self, *things):
        for thing in things:
            self._running.append(thing)
            thing.start()
        return things[0] if len(things) == 1 else things

    def stop(self):
        for thing in reversed(self._running):
            thing.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binaries", required=True, type=pathlib.Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--keep", type=pathlib.Path)
    arguments = parser.parse_args()
    folder = arguments.keep or pathlib.Path(tempfile.mkdtemp(prefix="sotto-interop-"))
    folder.mkdir(parents=True, exist_ok=True)
    failed = count = 0
    for module_name in MODULES:
        module = importlib.import_module(module_name)
        for name in [name for name in vars(module) if name.startswith("test_") and arguments.only in f"{module_name}.{name}"]:
            count += 1
            place = folder / name.removeprefix("test_")
            place.mkdir(mode=0o700)
            world = World(arguments.binaries.resolve(), place)
            began = time.monotonic()
            try:
                result = getattr(module, name)(world)
                print(f"  held    {name.removeprefix('test_'):50} {time.monotonic() - began:5.1f} s  {result or ''}", flush=True)
            except Exception as error:
                failed += 1
                print(f"  FAILED  {name.removeprefix('test_'):50} {time.monotonic() - began:5.1f} s  {error}", flush=True)
                if not isinstance(error, AssertionError):
                    traceback.print_exc()
            finally:
                world.stop()
    if failed == 0 and arguments.keep is None:
        shutil.rmtree(folder)
    else:
        print(f"logs: {folder}")
    print(f"interop: {count - failed} of {count} scenarios held")
    return 1 if failed or count == 0 else 0


sys.exit(main())
