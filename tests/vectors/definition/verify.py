#!/usr/bin/env python3
"""Judges the samples by the published schema. Use: verify.py <root of the tree>

Exit code 77: there is no jsonschema here (Debian: python3-jsonschema)."""
import json
import sys

try:
    from jsonschema import Draft202012Validator
except ImportError:
    print("no module jsonschema")
    sys.exit(77)

root = sys.argv[1]
with open(f"{root}/docs/schema/definition.json", encoding="utf-8") as file:
    schema = json.load(file)
with open(f"{root}/tests/vectors/definition/samples.json", encoding="utf-8") as file:
    samples = json.load(file)
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
wrong = 0
for sample in samples:
    errors = [error.message for error in validator.iter_errors(sample["definition"])]
    if (not errors) != sample["schema"]:
        wrong += 1
        print(f"{sample['what']}: {errors[0] if errors else 'taken'}")
print(f"{len(samples)} samples, {wrong} wrong")
sys.exit(1 if wrong else 0)
