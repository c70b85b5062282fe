"""What every rendered overlay of deploy/k8s must be, one function a rule.

Each yields findings as text. A rule is about the nodes of sagad, or about every pod there is.
"""
import re

NODE = {"app.kubernetes.io/name": "sagad", "app.kubernetes.io/component": "coordinator"}
DRAIN_OVERHEAD_S = 20
UID = 10001
WORKLOADS = ("StatefulSet", "Deployment", "DaemonSet", "Job", "CronJob")
ACCESS = {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"}
SCALERS = {"HorizontalPodAutoscaler", "ScaledObject", "VerticalPodAutoscaler"}


class Cluster:
    """The documents of one overlay, and ways to them."""

    def __init__(self, name, documents):
        self.name = name
        self.documents = documents

    def kind(self, *kinds):
        return [d for d in self.documents if d["kind"] in kinds]

    def named(self, kind, name):
        return next((d for d in self.kind(kind) if d["metadata"]["name"] == name), None)

    def node(self):
        """The StatefulSet of sagad, or None."""
        return self.named("StatefulSet", "sagad")

    def pods(self):
        """(name of the workload, its pod's spec, its pod's labels)"""
        for workload in self.kind(*WORKLOADS):
            template = workload["spec"]["template"]
            yield (workload["kind"] + "/" + workload["metadata"]["name"], template["spec"],
                   template["metadata"].get("labels", {}))

    def containers(self):
        for name, spec, _ in self.pods():
            for container in spec.get("initContainers", []) + spec["containers"]:
                yield f"{name}/{container['name']}", spec, container


def seconds(text):
    match = re.fullmatch(r"(\d+)(ms|s|m|h)", text)
    return int(match[1]) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[match[2]]


def size_bytes(text):
    match = re.fullmatch(r"(\d+)(|k|M|G|Ki|Mi|Gi|KiB|MiB|GiB|B)", str(text))
    unit = match[2].removesuffix("B") if match[2] != "B" else ""
    return int(match[1]) * {"": 1, "k": 10**3, "M": 10**6, "G": 10**9,
                            "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}[unit]


def environment(container):
    return {e["name"]: e.get("value", e.get("valueFrom")) for e in container.get("env", [])}


def main_of(node):
    return node["spec"]["template"]["spec"]["containers"][0]


def matches(selector, labels):
    wanted = selector.get("matchLabels", {})
    return not selector.get("matchExpressions") and wanted.items() <= labels.items()


# ---- the nodes of sagad ----------------------------------------------------------------------


def rule_workload(c):
    """StatefulSet, Parallel, rolled one by one, with room to be seen ready."""
    for other in c.kind("Deployment", "DaemonSet"):
        if NODE.items() <= other["spec"]["template"]["metadata"].get("labels", {}).items():
            yield f"nodes run as {other['kind']}"
    node = c.node()
    if not node:
        return
    spec = node["spec"]
    if spec.get("podManagementPolicy") != "Parallel":
        yield "podManagementPolicy is not Parallel"
    if spec.get("serviceName") != "sagad-peers":
        yield "serviceName is not the headless service"
    update = spec.get("updateStrategy", {})
    if update.get("type") != "RollingUpdate" or "partition" not in update.get("rollingUpdate", {}):
        yield "updateStrategy is not RollingUpdate with a partition"
    if spec.get("minReadySeconds", 0) < 10:
        yield "minReadySeconds is below 10"


def rule_storage(c):
    """No volume claim but for the marks, and one place to write to."""
    node = c.node()
    if not node:
        return
    claims = node["spec"].get("volumeClaimTemplates", [])
    volumes = node["spec"]["template"]["spec"].get("volumes", [])
    for claim in claims:
        if claim["metadata"]["name"] != "data":
            yield f"a volume claim {claim['metadata']['name']}"
        if size_bytes(claim["spec"]["resources"]["requests"]["storage"]) > 2**30:
            yield "a claim for more than marks"
    writable = [v["name"] for v in volumes if "emptyDir" in v] + [v["metadata"]["name"] for v in claims]
    if writable != ["data"]:
        yield f"places to write to: {writable}"
    for volume in volumes:
        if "emptyDir" in volume and "sizeLimit" not in volume["emptyDir"]:
            yield "emptyDir without a limit"
        if set(volume) - {"name"} - {"emptyDir", "configMap", "secret", "csi", "projected"}:
            yield f"volume {volume['name']} is of another kind"
    for mount in main_of(node).get("volumeMounts", []):
        if mount["name"] != "data" and not mount.get("readOnly"):
            yield f"{mount['name']} is mounted to be written"


def rule_replicas(c):
    """3, or 1 where there is one of everything."""
    node = c.node()
    if node and node["spec"].get("replicas") != (1 if c.name.endswith("/dev") else 3):
        yield f"replicas: {node['spec'].get('replicas')}"


def rule_services(c):
    """Peers headless and to be seen while not ready, one for tools, metrics on a port of its own."""
    if not c.node():
        return
    peers = c.named("Service", "sagad-peers")
    api = c.named("Service", "sagad")
    if not peers or peers["spec"].get("clusterIP") != "None":
        yield "no headless service sagad-peers"
    elif not peers["spec"].get("publishNotReadyAddresses"):
        yield "sagad-peers hides who is not ready"
    if not api or api["spec"].get("type", "ClusterIP") != "ClusterIP":
        yield "no ClusterIP service sagad"
    elif api["spec"].get("publishNotReadyAddresses"):
        yield "sagad gives addresses that are not ready"
    labels = c.node()["spec"]["template"]["metadata"]["labels"]
    for service in (peers, api):
        if service and not service["spec"]["selector"].items() <= labels.items():
            yield f"{service['metadata']['name']} selects no node"
    ports = {p["name"]: p["containerPort"] for p in main_of(c.node())["ports"]}
    if set(ports) != {"http", "metrics"} or ports["http"] == ports["metrics"]:
        yield f"ports: {ports}"
    env = environment(main_of(c.node()))
    for key, port in (("SAGAD_HTTP_LISTEN", "http"), ("SAGAD_HTTP_METRICS_LISTEN", "metrics")):
        if not str(env.get(key)).endswith(f":{ports.get(port)}"):
            yield f"{key} is not port {port}"
    if api and any(p["targetPort"] == "metrics" for p in api["spec"]["ports"]):
        yield "the service for tools shows the metrics"


def rule_probes(c):
    """Each probe asks its own page; the live one only for hanging loops."""
    if not c.node():
        return
    main = main_of(c.node())
    for probe, page in (("startupProbe", "started"), ("livenessProbe", "live"), ("readinessProbe", "ready")):
        get = main.get(probe, {}).get("httpGet", {})
        if get.get("path") != f"/healthz/{page}" or get.get("port") != "http":
            yield f"{probe} is not /healthz/{page} of http"
    live = main.get("livenessProbe", {})
    if live.get("periodSeconds", 10) * live.get("failureThreshold", 3) < 15:
        yield "the liveness probe is impatient"


def rule_stop(c):
    """Drain limit and 20 s; a pause for HTTP endpoints that needs no shell."""
    if not c.node():
        return
    spec = c.node()["spec"]["template"]["spec"]
    main = main_of(c.node())
    drain = environment(main).get("SAGAD_STOP_TIMEOUT")
    if not isinstance(drain, str):
        yield "SAGAD_STOP_TIMEOUT is not set"
    elif spec.get("terminationGracePeriodSeconds") != seconds(drain) + DRAIN_OVERHEAD_S:
        yield "terminationGracePeriodSeconds is not stop_timeout + 20 s"
    stop = main.get("lifecycle", {}).get("preStop", {})
    if set(stop) != {"sleep"} or stop["sleep"]["seconds"] > 5:
        yield "preStop is not a short sleep"


def rule_disruption(c):
    """Every workload of several pods lets one go at a time, and broken ones always."""
    for workload in c.kind("StatefulSet"):
        if workload["spec"].get("replicas", 1) < 2:
            continue
        labels = workload["spec"]["template"]["metadata"]["labels"]
        budgets = [b for b in c.kind("PodDisruptionBudget") if matches(b["spec"]["selector"], labels)]
        name = workload["metadata"]["name"]
        if len(budgets) != 1:
            yield f"{name}: {len(budgets)} disruption budgets"
            continue
        spec = budgets[0]["spec"]
        if spec.get("maxUnavailable") != 1 or "minAvailable" in spec:
            yield f"{name}: maxUnavailable is not 1"
        if spec.get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
            yield f"{name}: broken pods hold up who empties a machine"


def rule_spread(c):
    """Never two on a machine; zones as far as they go."""
    for workload in c.kind("StatefulSet"):
        if workload["spec"].get("replicas", 1) < 2:
            continue
        template = workload["spec"]["template"]
        name = workload["metadata"]["name"]
        found = {s["topologyKey"]: s for s in template["spec"].get("topologySpreadConstraints", [])}
        wanted = {"kubernetes.io/hostname": "DoNotSchedule"}
        if name == "sagad":
            wanted["topology.kubernetes.io/zone"] = "ScheduleAnyway"
            if "SAGAD_NODE_ZONE" not in environment(main_of(workload)):
                yield "a node does not know its zone"
        for key, policy in wanted.items():
            spread = found.get(key)
            if not spread or spread["whenUnsatisfiable"] != policy or spread["maxSkew"] != 1:
                yield f"{name}: no spread over {key} with {policy}"
            elif not matches(spread["labelSelector"], template["metadata"]["labels"]):
                yield f"{name}: the spread over {key} counts other pods"


def ceiling_bytes(limits, shards, workers=1):
    """docs/configuration.md, "Memory"; the test compares the constants with that page."""
    shard = (400 * (limits["open_sagas"] + limits["remembered"]) + 150 * limits["open_sagas"]
             + 10 * limits["branches"] + 230 * limits["waiters"]
             + 1.005 * size_bytes(limits["payload"]) + 70e6)
    return shards * shard + (workers + 1) * 192 * 2**20 + 64 * 2**20


def rule_sizes(c):
    """A node that owns every shard fits into its limit."""
    if not c.node():
        return
    import yaml

    configs = [d for d in c.kind("ConfigMap") if d["metadata"]["name"].startswith("sagad-config")]
    job = c.named("Job", "sagad-init")
    if len(configs) != 1 or not job:
        yield "no configuration, or no initialisation"
        return
    config = yaml.safe_load(configs[0]["data"]["sagad.yaml"])
    shards = [int(a.split("=")[1]) for a in job["spec"]["template"]["spec"]["containers"][0]["args"]
              if a.startswith("--shards=")]
    limit = size_bytes(main_of(c.node())["resources"]["limits"]["memory"])
    needs = ceiling_bytes(config["limits"], shards[0], config.get("workers", 1))
    if needs > limit:
        yield f"all {shards[0]} shards on one node need {needs / 2**20:.0f} MiB of {limit / 2**20:.0f}"


def rule_initialised(c):
    """A Job that may run again; as many replicas of a journal as there are NATS servers."""
    if not c.node():
        return
    job = c.named("Job", "sagad-init")
    if not job:
        yield "nobody initialises the cluster"
        return
    args = job["spec"]["template"]["spec"]["containers"][0]["args"]
    if args[0] != "init" or "--if-needed" not in args:
        yield "the initialisation may not run twice"
    if "ttlSecondsAfterFinished" not in job["spec"]:
        yield "a finished Job stays, and an update cannot change it"
    wanted = "--replicas=1" if c.name.endswith("/dev") else "--replicas=3"
    if wanted not in args:
        yield f"the initialisation has no {wanted}"


def rule_monitoring(c):
    """Scraped where the operator is wanted, on the port of its own."""
    for monitor in c.kind("PodMonitor"):
        if not matches(monitor["spec"]["selector"], NODE | {"app.kubernetes.io/part-of": "sagad"}):
            yield "the monitor selects no node"
        for endpoint in monitor["spec"]["podMetricsEndpoints"]:
            if endpoint.get("port") != "metrics" or endpoint.get("path") != "/metrics":
                yield "the monitor asks another port"
    if c.kind("PodMonitor"):
        if not c.kind("PrometheusRule"):
            yield "monitored without alerts"
        boards = [m for m in c.kind("ConfigMap") if m["metadata"].get("labels", {}).get("grafana_dashboard")]
        if not boards:
            yield "monitored without dashboards"


def rule_scaling(c):
    """Nothing takes nodes of sagad away by itself."""
    for scaler in c.kind(*SCALERS):
        target = scaler["spec"].get("scaleTargetRef", scaler["spec"].get("targetRef", {}))
        if target.get("name") == "sagad" or target.get("kind") != "Deployment":
            yield f"{scaler['kind']} {scaler['metadata']['name']} scales {target}"
        down = scaler["spec"].get("advanced", {}).get("horizontalPodAutoscalerConfig", {})
        down = down.get("behavior", {}).get("scaleDown", {})
        if down.get("stabilizationWindowSeconds", 0) < 300:
            yield f"{scaler['metadata']['name']} is taken away at once"
        for trigger in scaler["spec"].get("triggers", []):
            missing = {"natsServerMonitoringEndpoint", "account", "stream", "consumer",
                       "lagThreshold"} - set(trigger["metadata"])
            if trigger["type"] == "nats-jetstream" and missing:
                yield f"the trigger lacks {sorted(missing)}"


# ---- every pod -------------------------------------------------------------------------------


def rule_security(c):
    """Pod Security Standard "restricted", and more: fixed ids, nothing writable."""
    for name, spec, _ in c.pods():
        pod = spec.get("securityContext", {})
        if not pod.get("runAsNonRoot") or pod.get("runAsUser", 0) < 10001 or not pod.get("runAsGroup"):
            yield f"{name}: may run as root"
        if pod.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{name}: no seccomp profile"
        for key in ("hostNetwork", "hostPID", "hostIPC"):
            if spec.get(key):
                yield f"{name}: {key}"
        if any("hostPath" in v for v in spec.get("volumes", [])):
            yield f"{name}: a path of the machine"
    for name, _, container in c.containers():
        own = container.get("securityContext", {})
        if own.get("allowPrivilegeEscalation") is not False or own.get("privileged"):
            yield f"{name}: may get more privileges"
        if own.get("capabilities") != {"drop": ["ALL"]}:
            yield f"{name}: capabilities"
        if own.get("readOnlyRootFilesystem") is not True:
            yield f"{name}: writes to its image"
        if set(own) & {"runAsUser", "runAsNonRoot", "seccompProfile", "procMount"}:
            yield f"{name}: overrules its pod"
    node = c.node()
    if node and node["spec"]["template"]["spec"]["securityContext"]["runAsUser"] != UID:
        yield "sagad does not run as the user of its image"


def rule_namespace(c):
    """Where an overlay brings its namespace, that admits restricted pods only."""
    for document in c.documents:
        space = document["metadata"].get("namespace")
        if c.kind("Namespace") and document["kind"] != "Namespace" and not c.named("Namespace", space or ""):
            yield f"{document['kind']} {document['metadata']['name']} lies in another namespace"
    if c.node() and not c.kind("Namespace"):
        yield "no namespace"
    for space in c.kind("Namespace"):
        for mode in ("enforce", "audit", "warn"):
            if space["metadata"].get("labels", {}).get(f"pod-security.kubernetes.io/{mode}") != "restricted":
                yield f"the namespace does not {mode} restricted"


def rule_identity(c):
    """An account of its own for each, without token and without any right."""
    accounts = {a["metadata"]["name"]: a for a in c.kind("ServiceAccount")}
    for document in c.documents:
        if document["kind"] in ACCESS:
            yield f"there is a {document['kind']}"
    for account in accounts.values():
        if account.get("automountServiceAccountToken") is not False:
            yield f"account {account['metadata']['name']} gives its token away"
    for name, spec, _ in c.pods():
        if spec.get("serviceAccountName") not in accounts:
            yield f"{name}: no account of its own"
        if spec.get("automountServiceAccountToken") is not False:
            yield f"{name}: has a token"
        if spec.get("enableServiceLinks") is not False:
            yield f"{name}: gets variables of neighbouring services"


def rule_resources(c):
    """Requests for both, memory limited by what is requested, CPU not limited."""
    for name, _, container in c.containers():
        resources = container.get("resources", {})
        requests, limits = resources.get("requests", {}), resources.get("limits", {})
        if "cpu" not in requests or "memory" not in requests:
            yield f"{name}: no requests"
        if limits.get("memory") != requests.get("memory"):
            yield f"{name}: the memory limit is not the request"
        if "cpu" in limits:
            yield f"{name}: CPU is limited"


def allows(policy, direction, labels):
    return matches(policy["spec"]["podSelector"], labels) and direction in policy["spec"].get("policyTypes", [])


def rule_network(c):
    """Default deny, and no rule that lets everybody in or out."""
    policies = c.kind("NetworkPolicy")
    if c.node():
        denied = [p for p in policies if p["spec"]["podSelector"] == {} and not p["spec"].get("ingress")
                  and not p["spec"].get("egress") and set(p["spec"]["policyTypes"]) == {"Ingress", "Egress"}]
        if not denied:
            yield "no default deny"
    for policy in policies:
        for key, side in (("ingress", "from"), ("egress", "to")):
            for rule in policy["spec"].get(key, []):
                if not rule.get(side) or not rule.get("ports"):
                    yield f"{policy['metadata']['name']}: {key} for everybody or on every port"
    if not c.node():
        return
    ingress, egress = {}, set()
    labels = c.node()["spec"]["template"]["metadata"]["labels"]
    for policy in policies:
        if allows(policy, "Ingress", labels):
            for rule in policy["spec"].get("ingress", []):
                for port in rule["ports"]:
                    ingress.setdefault(port["port"], []).extend(rule["from"])
        if allows(policy, "Egress", labels):
            for rule in policy["spec"].get("egress", []):
                egress |= {port["port"] for port in rule["ports"]}
    if set(ingress) != {"http", "metrics"}:
        yield f"ports that are open: {sorted(map(str, ingress))}"
    elif any("monitoring" not in str(source) for source in ingress["metrics"]):
        yield "metrics for others than the monitoring"
    elif any(source in ({}, {"namespaceSelector": {}}) for source in ingress["http"]):
        yield "http for every namespace"
    if egress != {53, 4222, 2379, 4317, 4318}:
        yield f"egress to {sorted(egress)}"


def rule_secrets(c):
    """Files out of secrets, never variables; generated names, so that a change rolls the pods."""
    for name, _, container in c.containers():
        for entry in container.get("env", []):
            if "secretKeyRef" in entry.get("valueFrom", {}):
                yield f"{name}: a secret as a variable"
        if any("secretRef" in source for source in container.get("envFrom", [])):
            yield f"{name}: a secret as variables"
    for name, spec, _ in c.pods():
        for volume in spec.get("volumes", []):
            source = volume.get("secret", {}).get("secretName") or volume.get("configMap", {}).get("name")
            if source and not re.search(r"-[a-z0-9]{10}$", source):
                yield f"{name}: {source} may change without anybody noticing"


def rule_image(c):
    """A version, and nothing that only a shell could do."""
    for name, _, container in c.containers():
        if not re.search(r"(:v?\d+\.\d+\.\d+[a-z0-9.-]*|@sha256:[0-9a-f]{64})$", container["image"]):
            yield f"{name}: image {container['image']}"
        words = " ".join(container.get("command", []) + container.get("args", []))
        if re.search(r"(^|/)(ba|da)?sh( |$)", words):
            yield f"{name}: needs a shell"
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            if "exec" in container.get(probe, {}):
                yield f"{name}: {probe} runs a program"


RULES = {name.removeprefix("rule_"): rule for name, rule in sorted(globals().items()) if name.startswith("rule_")}


def findings(cluster):
    for name, rule in RULES.items():
        for finding in rule(cluster):
            yield f"{cluster.name}: {name}: {finding}"
