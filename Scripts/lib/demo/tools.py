"""The `sotto` command as an operator uses it. Whatever it prints is kept, because it has to be free of secrets as well."""

import json
import subprocess

from house import TENANT


class ToolError(Exception):
    pass


class Tools:
    def __init__(self, binary, house):
        self.binary, self.house = binary, house
        self.count = 0

    def _run(self, *arguments, from_daemon=True):
        """Returns exit code and standard output; both streams are kept in a file."""
        command = [self.binary, *arguments]
        if from_daemon:
            command += ["--socket", str(self.house.admin_socket)]
        done = subprocess.run(command, capture_output=True, timeout=120)
        self.count += 1
        name = f"{self.count:02}-" + "-".join(part for part in arguments[:2] if not part.startswith("-"))
        (self.house.outputs / f"{name}.txt").write_bytes(done.stdout + done.stderr)
        if done.returncode not in (0, 1):
            said = done.stderr.decode(errors="replace").strip()
            raise ToolError(f"sotto {' '.join(arguments[:2])}: exit code {done.returncode}: {said}")
        return done.returncode, done.stdout

    def _json(self, *arguments):
        code, output = self._run(*arguments, "--json")
        if code != 0:
            raise ToolError(f"sotto {' '.join(arguments[:2])} said no")
        return json.loads(output)

    def status(self):
        self._run("status")
        return self._json("status")

    def records(self):
        self._run("records", "list", "--tenant", TENANT)
        return self._json("records", "list", "--tenant", TENANT)

    def record(self, call):
        self._run("records", "show", call, "--tenant", TENANT)
        return self._json("records", "show", call, "--tenant", TENANT)

    def export(self, call, name="recording.wav"):
        path = self.house.outputs / name
        code, _ = self._run("records", "export", call, "--tenant", TENANT, "--output", str(path))
        if code != 0:
            raise ToolError("sotto records export said no")
        return path

    def audit_list(self):
        self._run("audit", "list")
        return self._json("audit", "list")

    def audit_key(self):
        """The verifier key, kept outside the daemon's reach as an auditor would."""
        _, output = self._run("audit", "key")
        path = self.house.folder / "audit.key"
        path.write_bytes(output)
        return path

    def audit_verify(self, key):
        """Whether the log is sound, by its files and the kept key alone: the daemon is asked nothing."""
        code, output = self._run("audit", "verify", "--folder", str(self.house.state / "audit"), "--key-file", str(key), from_daemon=False)
        return code == 0, output.decode(errors="replace").strip()
