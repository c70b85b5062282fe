"""Renders the overlays of deploy/k8s, by kubectl or kustomize, whichever is there."""
import os
import re
import shutil
import subprocess

import yaml

OVERLAYS = (
    "deploy/k8s/overlays/dev",
    "deploy/k8s/overlays/production",
    "deploy/k8s/overlays/demo",
    "deploy/k8s/examples/service",
    "tests/deploy/overlays/credentials",
)
PARTS = ("deploy/k8s/base", "deploy/k8s/examples/nats", "deploy/k8s/examples/etcd", "deploy/k8s/examples/travel")


def kustomize_of(kubectl):
    """The version of the kustomize in it; components came with 3.7."""
    said = subprocess.run([kubectl, "version", "--client"], capture_output=True, text=True).stdout
    found = re.search(r"Kustomize Version: v(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def renderer():
    """The command that renders a folder, or None."""
    given = os.environ.get("SAGAD_KUSTOMIZE")
    if given:
        return [given, "build"]
    kubectl = shutil.which("kubectl")
    if kubectl and kustomize_of(kubectl) >= (4, 1):
        return [kubectl, "kustomize"]
    kustomize = shutil.which("kustomize")
    return [kustomize, "build"] if kustomize else None


def render(root, overlay):
    """Its documents; raises with what the renderer said."""
    done = subprocess.run([*renderer(), os.path.join(root, overlay)], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{overlay}: {done.stderr.strip()}")
    if done.stderr.strip():
        raise RuntimeError(f"{overlay}: the renderer warns: {done.stderr.strip()}")
    return [document for document in yaml.safe_load_all(done.stdout) if document]
