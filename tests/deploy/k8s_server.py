#!/usr/bin/python3
"""A real kube-apiserver judges the overlays: it takes every object with strict validation and without
a warning, and admits every pod into its `restricted` namespace. No controllers and no machines: no pod
ever runs.

Use: k8s_server.py <root of the tree> <kube-apiserver> <etcd> [CRD file]...
"""
import copy
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import yaml

from k8s_policy import Cluster
from k8s_render import OVERLAYS, render

TOKEN = "of-this-test"
START_S = 120
# kind: (path below the version, in a namespace)
PLACES = {
    "Namespace": ("namespaces", False), "ServiceAccount": ("serviceaccounts", True),
    "ConfigMap": ("configmaps", True), "Secret": ("secrets", True), "Service": ("services", True),
    "Pod": ("pods", True), "StatefulSet": ("statefulsets", True), "Deployment": ("deployments", True),
    "Job": ("jobs", True), "PodDisruptionBudget": ("poddisruptionbudgets", True),
    "NetworkPolicy": ("networkpolicies", True), "PodMonitor": ("podmonitors", True),
    "PrometheusRule": ("prometheusrules", True), "ScaledObject": ("scaledobjects", True),
    "CustomResourceDefinition": ("customresourcedefinitions", False),
}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """etcd and kube-apiserver on loopback, in a folder that goes away with them."""

    def __init__(self, apiserver, etcd):
        self.folder = tempfile.TemporaryDirectory(prefix="sagad-apiserver.")
        self.children = []
        client, peer, self.port = free_port(), free_port(), free_port()
        path = self.folder.name
        url = f"http://127.0.0.1:{client}"
        self.start([etcd, "--data-dir", path + "/etcd", "--listen-client-urls", url,
                    "--advertise-client-urls", url, "--listen-peer-urls", f"http://127.0.0.1:{peer}",
                    "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
                    "--initial-cluster", f"default=http://127.0.0.1:{peer}"], "etcd.log")
        with open(path + "/tokens", "w", encoding="utf-8") as file:
            file.write(f"{TOKEN},admin,admin,system:masters\n")
        subprocess.run(["openssl", "genrsa", "-out", path + "/key.pem", "2048"], check=True, capture_output=True)
        self.start([apiserver, "--etcd-servers", url, "--secure-port", str(self.port), "--bind-address", "127.0.0.1",
                    "--advertise-address", "127.0.0.1", "--endpoint-reconciler-type", "none",
                    "--cert-dir", path + "/certs", "--token-auth-file", path + "/tokens",
                    "--authorization-mode", "RBAC", "--service-cluster-ip-range", "10.0.0.0/24",
                    "--service-account-issuer", "https://kubernetes.default.svc",
                    "--service-account-key-file", path + "/key.pem",
                    "--service-account-signing-key-file", path + "/key.pem"], "apiserver.log")
        self.wait_ready()

    def start(self, command, log):
        with open(os.path.join(self.folder.name, log), "wb") as file:
            self.children.append(subprocess.Popen(command, stdout=file, stderr=file))

    def stop(self):
        for child in reversed(self.children):
            child.terminate()
        for child in reversed(self.children):
            try:
                child.wait(30)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self.folder.cleanup()

    def log_end(self):
        with open(os.path.join(self.folder.name, "apiserver.log"), encoding="utf-8", errors="replace") as file:
            return file.read()[-3000:]

    def ask(self, method, path, body=None, kind="application/json"):
        """(status, answer, warnings)"""
        context = ssl.create_default_context(cafile=os.path.join(self.folder.name, "certs", "apiserver.crt"))
        context.check_hostname = False
        request = urllib.request.Request(
            f"https://127.0.0.1:{self.port}{path}", method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": kind})
        try:
            with urllib.request.urlopen(request, context=context, timeout=30) as answer:
                return answer.status, answer.read().decode(), answer.headers.get_all("Warning") or []
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), error.headers.get_all("Warning") or []

    def wait_ready(self):
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if any(child.poll() is not None for child in self.children):
                break
            try:
                if self.ask("GET", "/readyz")[0] == 200:
                    return
            except (OSError, ssl.SSLError):
                pass
            time.sleep(0.2)
        end = self.log_end()
        self.stop()
        raise RuntimeError(f"kube-apiserver does not get ready:\n{end}")

    def path_of(self, document):
        version = document["apiVersion"]
        place, spaced = PLACES[document["kind"]]
        root = f"/api/{version}" if "/" not in version else f"/apis/{version}"
        space = f"/namespaces/{document['metadata']['namespace']}" if spaced else ""
        return f"{root}{space}/{place}"

    def apply(self, document):
        return self.ask("PATCH", f"{self.path_of(document)}/{document['metadata']['name']}"
                        "?fieldManager=sagad-test&fieldValidation=Strict", document, "application/apply-patch+yaml")

    def create(self, document):
        return self.ask("POST", self.path_of(document) + "?fieldValidation=Strict", document)

    def wait_served(self, document):
        """Until the kind of a CustomResourceDefinition can be asked for."""
        spec = document["spec"]
        path = f"/apis/{spec['group']}/{spec['versions'][0]['name']}/{spec['names']['plural']}"
        deadline = time.monotonic() + START_S
        while self.ask("GET", path)[0] != 200:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{path} is never served")
            time.sleep(0.2)


def pods_of(cluster):
    """One pod of each workload, as its controller would make it."""
    for workload in cluster.kind("StatefulSet", "Deployment", "Job"):
        template = copy.deepcopy(workload["spec"]["template"])
        claims = workload["spec"].get("volumeClaimTemplates", [])
        template["spec"].setdefault("volumes", []).extend(
            {"name": c["metadata"]["name"], "persistentVolumeClaim": {"claimName": c["metadata"]["name"]}}
            for c in claims)
        yield {"apiVersion": "v1", "kind": "Pod", "spec": template["spec"],
               "metadata": {"name": workload["metadata"]["name"] + "-test",
                            "namespace": workload["metadata"]["namespace"],
                            "labels": template["metadata"].get("labels", {})}}


def order(document):
    return {"Namespace": 0, "ServiceAccount": 1}.get(document["kind"], 2)


def prepared(root, overlay):
    """Its documents; the example of a service gets a restricted namespace."""
    documents = render(root, overlay)
    if not any(d["kind"] == "Namespace" for d in documents):
        level = {f"pod-security.kubernetes.io/{m}": "restricted" for m in ("enforce", "audit", "warn")}
        for d in documents:
            d["metadata"]["namespace"] = "of-a-service"
        documents.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "of-a-service", "labels": level}})
    return Cluster(overlay, sorted(documents, key=order))


def judge(server, cluster):
    """Findings of one overlay."""
    for turn in ("first", "again"):  # the second time nothing changes
        for document in cluster.documents:
            name = f"{cluster.name}: {document['kind']} {document['metadata']['name']}"
            status, answer, warnings = server.apply(document)
            if status not in (200, 201):
                yield f"{name}, {turn}: {status}: {answer}"
            for warning in warnings:
                yield f"{name}: {warning}"
    for pod in pods_of(cluster):
        status, answer, _ = server.create(pod)
        if status != 201:
            yield f"{cluster.name}: pod {pod['metadata']['name']}: {status}: {answer}"


def breaks(server, cluster):
    """What this server must refuse, so that its silence means something."""
    pod = next(pods_of(cluster))
    pod["metadata"]["name"] = "broken"
    worse = copy.deepcopy(pod)
    worse["spec"]["securityContext"].pop("runAsNonRoot")
    status, answer, _ = server.create(worse)
    if status != 403 or "PodSecurity" not in answer:
        yield f"a pod that may run as root: {status}: {answer}"
    worse = copy.deepcopy(pod)
    worse["spec"]["containers"][0]["securityContext"].pop("allowPrivilegeEscalation")
    if server.create(worse)[0] != 403:
        yield "a pod that may get more privileges was admitted"
    worse = copy.deepcopy(pod)
    worse["spec"]["terminationGracePeriod"] = 80
    if server.create(worse)[0] != 400:
        yield "a pod with an unknown field was taken"
    node = copy.deepcopy(cluster.node())
    node["spec"]["template"]["spec"].pop("securityContext")
    warnings = server.apply(node)[2]
    if not any("PodSecurity" in warning for warning in warnings):
        yield f"no warning for a StatefulSet that is not restricted: {warnings}"


def main(root, apiserver, etcd, crds):
    server = Server(apiserver, etcd)
    found = []
    pods = objects = 0
    try:
        for file in crds:
            with open(file, encoding="utf-8") as content:
                for document in filter(None, yaml.safe_load_all(content)):
                    status, answer, _ = server.apply(document)
                    if status not in (200, 201):
                        raise RuntimeError(f"{file}: {status}: {answer}")
                    server.wait_served(document)
        for overlay in OVERLAYS:
            cluster = prepared(root, overlay)
            found += judge(server, cluster)
            objects += len(cluster.documents)
            pods += len(list(pods_of(cluster)))
            if cluster.node() and not found:
                found += breaks(server, cluster)
    finally:
        server.stop()
    for finding in found:
        print(finding)
    print(f"kube-apiserver: {len(OVERLAYS)} overlays, {objects} objects, {pods} pods admitted, "
          f"{len(found)} finding(s)")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]))
