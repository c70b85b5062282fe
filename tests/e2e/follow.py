#!/usr/bin/env python3
"""Follows a guide to the letter: runs every block of a Markdown file that is marked as sh, one after
the other, in one shell, from the root of the repository. The first command that fails ends it.

    tests/e2e/follow.py docs/operating.md
"""
import os
import re
import signal
import subprocess
import sys
import tempfile

TIMEOUT_S = 1200


def blocks(text):
    """(line, commands) of each block that is marked as sh and nothing else."""
    for match in re.finditer(r"^```sh\n(.*?)^```$", text, re.M | re.S):
        yield text.count("\n", 0, match.start()) + 2, match.group(1)


def script(path):
    found = 0
    # Echoed as they are written, not as the shell sees them.
    parts = ["set -euo pipefail", "set -v"]
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for line, commands in blocks(text):
        found += 1
        parts.append(f"# {path}:{line}\n{commands}")
    if found == 0:
        sys.exit(f"{path} has no block that is marked as sh")
    return "\n".join(parts) + "\n"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory(prefix="sagad-follow-") as folder:
        # Its cluster is not the one that somebody may have up.
        environment = dict(os.environ, XDG_RUNTIME_DIR=folder)
        commands = os.path.join(folder, "commands.sh")
        with open(commands, "w", encoding="utf-8") as file:
            file.write(script(sys.argv[1]))
        shell = subprocess.Popen(
            ["bash", commands], stdin=subprocess.DEVNULL, env=environment, start_new_session=True
        )
        try:
            shell.wait(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()
            print(f"it took longer than {TIMEOUT_S} s", file=sys.stderr)
        # Whatever became of it, nothing stays: neither what it started in the background nor the
        # cluster.
        try:
            os.killpg(shell.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        subprocess.run(["./dev", "down"], env=environment, check=False, stdout=subprocess.DEVNULL)
        if shell.returncode != 0:
            sys.exit(f"{sys.argv[1]}: a command failed ({shell.returncode})")
    print(f"{sys.argv[1]}: every command did as it says")


if __name__ == "__main__":
    main()
