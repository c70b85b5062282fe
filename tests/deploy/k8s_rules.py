#!/usr/bin/python3
"""The alerts of deploy/prometheus as an object for the Prometheus operator: makes it, or says whether the
one that is committed still is the same.

Use: k8s_rules.py <root of the tree> [--write]
"""
import sys

import yaml

RULES = "deploy/prometheus/sagad.rules.yml"
OBJECT = "deploy/k8s/components/monitoring/prometheusrule.yaml"
HEAD = f"# Made of {RULES} by tests/deploy/k8s_rules.py --write; change it there.\n"


def made(root):
    with open(f"{root}/{RULES}", encoding="utf-8") as file:
        groups = yaml.safe_load(file)["groups"]
    rule = {"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule",
            "metadata": {"name": "sagad", "labels": {"app.kubernetes.io/name": "sagad"}}, "spec": {"groups": groups}}
    return HEAD + yaml.safe_dump(rule, sort_keys=False, width=100, allow_unicode=True)


def findings(root):
    with open(f"{root}/{OBJECT}", encoding="utf-8") as file:
        if file.read() != made(root):
            yield f"{OBJECT} is not {RULES}: tests/deploy/k8s_rules.py . --write"


if __name__ == "__main__":
    if "--write" in sys.argv[2:]:
        with open(f"{sys.argv[1]}/{OBJECT}", "w", encoding="utf-8") as file:
            file.write(made(sys.argv[1]))
    found = list(findings(sys.argv[1]))
    print(*found, sep="\n", end="")
    sys.exit(1 if found else 0)
