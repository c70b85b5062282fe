#!/usr/bin/python3
"""Runs what deploy/k8s/README.md tells to type, where no cluster is needed (blocks of `sh`), in a copy
of the tree; and compares its table of sizes with the formula.

Use: k8s_readme.py <root of the tree>. 77 = there is nothing here to render with.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

try:
    from k8s_policy import ceiling_bytes, size_bytes
    from k8s_render import renderer
except ImportError as error:
    print(f"{error}: Debian package python3-yaml", file=sys.stderr)
    sys.exit(77)


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.S | re.M)


def run(command, folder):
    return subprocess.run(["bash", "-euc", command], cwd=folder, capture_output=True, text=True)


def check_commands(text, root):
    """In a copy, so that what they make is not left behind."""
    found = blocks(text, "sh")
    if len(found) < 2:
        yield "hardly any command"
    with tempfile.TemporaryDirectory(prefix="sagad-readme.") as folder:
        shutil.copytree(os.path.join(root, "deploy"), os.path.join(folder, "deploy"))
        path = os.environ["PATH"]
        if renderer()[-1] == "build":  # another program stands in for kubectl
            stand_in = os.path.join(folder, "bin", "kubectl")
            os.makedirs(os.path.dirname(stand_in))
            with open(stand_in, "w", encoding="utf-8") as file:
                file.write(f'#!/bin/sh\nshift\nexec {renderer()[0]} build "$@"\n')
            os.chmod(stand_in, 0o755)
            os.environ["PATH"] = os.path.dirname(stand_in) + ":" + path
        for block in found:
            done = run(block, folder)
            if done.returncode != 0:
                yield f"ends with {done.returncode}:\n{block}{done.stderr}"
        os.environ["PATH"] = path
        left = run("diff -r deploy " + os.path.join(root, "deploy"), folder)
        if left.returncode != 0:
            yield f"it leaves behind:\n{left.stdout}"


def check_cluster_commands(text, root):
    """Those cannot be run here; what they name must be there."""
    for line in "".join(blocks(text, "cluster")).splitlines():
        match = re.search(r"apply -k (\S+)", line)
        if match and not os.path.isfile(os.path.join(root, match[1], "kustomization.yaml")):
            yield f"no such overlay: {line}"
        if not line.startswith("kubectl "):
            yield f"not a command for a cluster: {line}"


def check_sizes(text):
    section = text.split("## Sizes")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines()
            if line.startswith("|")]
    names, rows = [n.strip("`") for n in rows[0]], rows[2:]
    if len(rows) < 3:
        yield "no table of sizes"
    for cells in rows:
        row = dict(zip(names, cells))
        limits = {key: int(row[key]) for key in ("open_sagas", "branches", "remembered", "waiters")}
        limits["payload"] = row["payload"]
        needs = ceiling_bytes(limits, int(row["shards"]))
        if abs(needs / 2**30 - float(row["needs"].removesuffix(" GiB"))) > 0.06:
            yield f"{cells[0]}: needs {needs / 2**30:.2f} GiB"
        if needs > size_bytes(row["memory limit"]):
            yield f"{cells[0]}: does not fit"
        if int(row["open sagas in all"]) != limits["open_sagas"] * int(row["shards"]):
            yield f"{cells[0]}: open sagas in all"


def findings(text, root):
    yield from check_commands(text, root)
    yield from check_cluster_commands(text, root)
    yield from check_sizes(text)


# What must be noticed, as (old, new).
BREAKS = (
    ("kustomize deploy/k8s/overlays/dev\n", "kustomize deploy/k8s/overlays/development\n"),
    ("rm -r deploy/k8s/overlays/mine\n", "true\n"),
    ("apply -k deploy/k8s/overlays/demo", "apply -k deploy/k8s/overlays/example"),
    ("| 3.33 GiB | 4Gi |", "| 3.03 GiB | 4Gi |"),
    ("| 7.08 GiB | 8Gi |", "| 7.08 GiB | 7Gi |"),
)


def main(root):
    with open(os.path.join(root, "deploy/k8s/README.md"), encoding="utf-8") as page:
        text = page.read()
    found = list(findings(text, root))
    for old, new in BREAKS if not found else ():
        if old not in text:
            found.append(f"nothing to break: {old!r}")
        elif not list(findings(text.replace(old, new), root)):
            found.append(f"not noticed: {new!r}")
    for finding in found:
        print(finding)
    print(f"k8s README: {len(blocks(text, 'sh'))} blocks run, {len(BREAKS)} breaks, {len(found)} finding(s)")
    return 1 if found else 0


if __name__ == "__main__":
    if renderer() is None:
        print("neither kubectl (with kustomize 4.1 or later) nor kustomize is here", file=sys.stderr)
        sys.exit(77)
    sys.exit(main(os.path.abspath(sys.argv[1])))
