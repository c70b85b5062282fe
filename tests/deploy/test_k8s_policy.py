#!/usr/bin/python3
"""Every overlay keeps every rule of k8s_policy.py; then each rule is broken, and must see it.

Use: test_k8s_policy.py <root of the tree>. 77 = there is nothing here to render with.
"""
import copy
import re
import sys

try:
    import k8s_policy as policy
    import k8s_rules
    from k8s_render import OVERLAYS, PARTS, render, renderer
except ImportError as error:
    print(f"{error}: Debian package python3-yaml", file=sys.stderr)
    sys.exit(77)

SKIP = 77


def node(c):
    return c.node()["spec"]


def pod(c):
    return node(c)["template"]["spec"]


def main(c):
    return pod(c)["containers"][0]


def main_security(c):
    return main(c)["securityContext"]


def env(c, name):
    return next(e for e in main(c)["env"] if e["name"] == name)


def spec(c, kind, name):
    return c.named(kind, name)["spec"]


def init(c):
    return spec(c, "Job", "sagad-init")["template"]["spec"]["containers"][0]


def remove(c, kind, name):
    c.documents.remove(c.named(kind, name))


def arg(container, old, new):
    container["args"] = [new if a.startswith(old) else a for a in container["args"]]


def add(c, **document):
    c.documents.append(document)


def policy_rule(c, key, index):
    return spec(c, "NetworkPolicy", "sagad")[key][index]


def config_text(c, old, new):
    for d in c.kind("ConfigMap"):
        if d["metadata"]["name"].startswith("sagad-config"):
            assert old in d["data"]["sagad.yaml"]
            d["data"]["sagad.yaml"] = d["data"]["sagad.yaml"].replace(old, new)


def scaler(c):
    return spec(c, "ScaledObject", "orders")


# (the rule, the overlay's last name, what is broken)
BREAKS = [
    ("workload", "demo", lambda c: node(c).update(podManagementPolicy="OrderedReady")),
    ("workload", "demo", lambda c: node(c).update(minReadySeconds=0)),
    ("workload", "demo", lambda c: node(c).update(serviceName="sagad")),
    ("workload", "demo", lambda c: node(c)["updateStrategy"].update(type="OnDelete")),
    ("workload", "demo", lambda c: node(c)["updateStrategy"]["rollingUpdate"].pop("partition")),
    ("workload", "demo", lambda c: c.node().update(kind="Deployment")),
    ("storage", "production", lambda c: node(c)["volumeClaimTemplates"][0]["spec"]["resources"]["requests"].update(storage="10Gi")),
    ("storage", "production", lambda c: node(c)["volumeClaimTemplates"][0]["metadata"].update(name="journal")),
    ("storage", "demo", lambda c: pod(c)["volumes"].append({"name": "tmp", "emptyDir": {"sizeLimit": "1Mi"}})),
    ("storage", "demo", lambda c: next(v for v in pod(c)["volumes"] if v["name"] == "data").update(emptyDir={})),
    ("storage", "demo", lambda c: next(m for m in main(c)["volumeMounts"] if m["name"] == "config").pop("readOnly")),
    ("replicas", "demo", lambda c: node(c).update(replicas=2)),
    ("replicas", "dev", lambda c: node(c).update(replicas=3)),
    ("services", "demo", lambda c: spec(c, "Service", "sagad-peers").pop("clusterIP")),
    ("services", "demo", lambda c: spec(c, "Service", "sagad-peers").pop("publishNotReadyAddresses")),
    ("services", "demo", lambda c: spec(c, "Service", "sagad").update(type="LoadBalancer")),
    ("services", "demo", lambda c: spec(c, "Service", "sagad").update(selector={"app": "sagad"})),
    ("services", "demo", lambda c: main(c)["ports"][1].update(containerPort=9180)),
    ("services", "demo", lambda c: env(c, "SAGAD_HTTP_METRICS_LISTEN").update(value="0.0.0.0:9999")),
    ("services", "demo", lambda c: main(c)["ports"].pop()),
    ("probes", "demo", lambda c: main(c).pop("startupProbe")),
    ("probes", "demo", lambda c: main(c)["livenessProbe"]["httpGet"].update(path="/healthz/ready")),
    ("probes", "demo", lambda c: main(c)["readinessProbe"]["httpGet"].update(port="metrics")),
    ("probes", "demo", lambda c: main(c)["livenessProbe"].update(periodSeconds=1)),
    ("stop", "demo", lambda c: pod(c).update(terminationGracePeriodSeconds=60)),
    ("stop", "demo", lambda c: env(c, "SAGAD_STOP_TIMEOUT").update(value="90s")),
    ("stop", "demo", lambda c: main(c)["env"].remove(env(c, "SAGAD_STOP_TIMEOUT"))),
    ("stop", "demo", lambda c: main(c).update(lifecycle={"preStop": {"exec": {"command": ["sleep", "3"]}}})),
    ("disruption", "demo", lambda c: remove(c, "PodDisruptionBudget", "sagad")),
    ("disruption", "demo", lambda c: spec(c, "PodDisruptionBudget", "sagad").update(maxUnavailable=2)),
    ("disruption", "demo", lambda c: spec(c, "PodDisruptionBudget", "nats").pop("unhealthyPodEvictionPolicy")),
    ("disruption", "demo", lambda c: spec(c, "PodDisruptionBudget", "etcd")["selector"].update(matchLabels={"app": "x"})),
    ("spread", "demo", lambda c: pod(c)["topologySpreadConstraints"].pop()),
    ("spread", "demo", lambda c: pod(c)["topologySpreadConstraints"][0].update(whenUnsatisfiable="ScheduleAnyway")),
    ("spread", "demo", lambda c: pod(c)["topologySpreadConstraints"][0]["labelSelector"].update(matchLabels={"app": "x"})),
    ("spread", "demo", lambda c: main(c)["env"].remove(env(c, "SAGAD_NODE_ZONE"))),
    ("sizes", "demo", lambda c: config_text(c, "payload: 64MiB", "payload: 128MiB")),
    ("sizes", "production", lambda c: arg(init(c), "--shards", "--shards=32")),
    ("sizes", "dev", lambda c: main(c)["resources"]["limits"].update(memory="1Gi")),
    ("initialised", "demo", lambda c: remove(c, "Job", "sagad-init")),
    ("initialised", "demo", lambda c: init(c)["args"].remove("--if-needed")),
    ("initialised", "demo", lambda c: arg(init(c), "--replicas", "--replicas=1")),
    ("initialised", "demo", lambda c: spec(c, "Job", "sagad-init").pop("ttlSecondsAfterFinished")),
    ("monitoring", "production", lambda c: spec(c, "PodMonitor", "sagad")["podMetricsEndpoints"][0].update(port="http")),
    ("monitoring", "production", lambda c: spec(c, "PodMonitor", "sagad")["selector"].update(matchLabels={"app": "x"})),
    ("monitoring", "production", lambda c: remove(c, "PrometheusRule", "sagad")),
    ("monitoring", "production", lambda c: remove(c, "ConfigMap", "sagad-dashboards")),
    ("scaling", "service", lambda c: scaler(c)["scaleTargetRef"].update(kind="StatefulSet", name="sagad")),
    ("scaling", "service", lambda c: scaler(c).pop("advanced")),
    ("scaling", "service", lambda c: scaler(c)["triggers"][0]["metadata"].pop("consumer")),
    ("scaling", "demo", lambda c: add(c, kind="HorizontalPodAutoscaler", metadata={"name": "sagad", "namespace": "sagad-demo"}, spec={"scaleTargetRef": {"kind": "StatefulSet", "name": "sagad"}})),
    ("security", "demo", lambda c: pod(c)["securityContext"].pop("runAsNonRoot")),
    ("security", "demo", lambda c: pod(c)["securityContext"].update(runAsUser=0)),
    ("security", "demo", lambda c: pod(c)["securityContext"].update(runAsUser=10009)),
    ("security", "demo", lambda c: pod(c)["securityContext"].pop("seccompProfile")),
    ("security", "demo", lambda c: pod(c).update(hostNetwork=True)),
    ("security", "demo", lambda c: main_security(c).pop("allowPrivilegeEscalation")),
    ("security", "demo", lambda c: main_security(c).update(capabilities={"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]})),
    ("security", "demo", lambda c: main_security(c).update(readOnlyRootFilesystem=False)),
    ("security", "demo", lambda c: init(c).pop("securityContext")),
    ("security", "demo", lambda c: spec(c, "StatefulSet", "travel-hotel")["template"]["spec"]["initContainers"][0].pop("securityContext")),
    ("namespace", "demo", lambda c: c.named("Namespace", "sagad-demo")["metadata"]["labels"].pop("pod-security.kubernetes.io/warn")),
    ("namespace", "demo", lambda c: c.named("Namespace", "sagad-demo")["metadata"]["labels"].update({"pod-security.kubernetes.io/enforce": "baseline"})),
    ("namespace", "demo", lambda c: c.node()["metadata"].update(namespace="default")),
    ("identity", "demo", lambda c: pod(c).update(automountServiceAccountToken=True)),
    ("identity", "demo", lambda c: pod(c).pop("serviceAccountName")),
    ("identity", "demo", lambda c: pod(c).pop("enableServiceLinks")),
    ("identity", "demo", lambda c: c.named("ServiceAccount", "sagad").pop("automountServiceAccountToken")),
    ("identity", "demo", lambda c: add(c, kind="Role", metadata={"name": "sagad", "namespace": "sagad-demo"})),
    ("resources", "demo", lambda c: main(c)["resources"]["limits"].update(cpu="2")),
    ("resources", "demo", lambda c: main(c)["resources"]["limits"].update(memory="8Gi")),
    ("resources", "demo", lambda c: main(c)["resources"]["requests"].pop("cpu")),
    ("network", "demo", lambda c: remove(c, "NetworkPolicy", "default-deny")),
    ("network", "demo", lambda c: policy_rule(c, "ingress", 0).pop("from")),
    ("network", "demo", lambda c: policy_rule(c, "ingress", 0).update({"from": [{"namespaceSelector": {}}]})),
    ("network", "demo", lambda c: policy_rule(c, "ingress", 1).update({"from": [{"podSelector": {}}]})),
    ("network", "demo", lambda c: spec(c, "NetworkPolicy", "sagad")["egress"].pop(0)),
    ("network", "demo", lambda c: policy_rule(c, "egress", 0).pop("ports")),
    ("secrets", "credentials", lambda c: main(c)["env"].append({"name": "X", "valueFrom": {"secretKeyRef": {}}})),
    ("secrets", "credentials", lambda c: main(c)["envFrom"].append({"secretRef": {"name": "x"}})),
    ("secrets", "credentials", lambda c: next(v for v in pod(c)["volumes"] if "secret" in v)["secret"].update(secretName="sagad-nats")),
    ("image", "demo", lambda c: main(c).update(image="sagad")),
    ("image", "demo", lambda c: main(c).update(image="sagad:latest")),
    ("image", "demo", lambda c: main(c).update(command=["/bin/sh", "-c", "sagad"])),
    ("image", "demo", lambda c: main(c).update(livenessProbe={"exec": {"command": ["sagactl"]}})),
]


def check_constants(root):
    """The formula of the page is the one that rule_sizes knows."""
    with open(f"{root}/docs/configuration.md", encoding="utf-8") as page:
        found = re.search(r"### Memory\n.*?```\n(.*?)```", page.read(), re.S)
    wanted = ("400 B x (open_sagas + remembered) + 150 B x open_sagas + 10 B x branches + 230 B x waiters "
              "+ 1.005 x payload + 70 MB")
    if not found or " ".join(found[1].split()) != wanted:
        yield f"docs/configuration.md has another formula: {found and found[1]}"


def broken(clusters):
    """What no rule has seen, and rules that nothing breaks."""
    for number, (rule, name, change) in enumerate(BREAKS):
        cluster = copy.deepcopy(next(c for c in clusters if c.name.endswith("/" + name)))
        try:
            change(cluster)
        except (KeyError, IndexError, StopIteration, AttributeError) as error:
            yield f"break {number} of {rule} does not apply: {error!r}"
            continue
        if not any(f": {rule}: " in finding for finding in policy.findings(cluster)):
            yield f"break {number} of {rule} was not seen"
    for rule in set(policy.RULES) - {b[0] for b in BREAKS}:
        yield f"nothing breaks {rule}"


def run(root):
    clusters = [policy.Cluster(name, render(root, name)) for name in OVERLAYS]
    for part in PARTS:
        render(root, part)
    found = [finding for c in clusters for finding in policy.findings(c)]
    found += check_constants(root)
    found += k8s_rules.findings(root)
    if not found:
        found += broken(clusters)
    for finding in found:
        print(finding)
    print(f"k8s policy: {len(clusters)} overlays, {len(policy.RULES)} rules, {len(BREAKS)} breaks, "
          f"{len(found)} finding(s)")
    return 1 if found else 0


if __name__ == "__main__":
    if renderer() is None:
        print("neither kubectl (with kustomize 4.1 or later) nor kustomize is here", file=sys.stderr)
        sys.exit(SKIP)
    sys.exit(run(sys.argv[1]))
