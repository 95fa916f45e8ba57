"""All cases of the benchmark, in the order in which they are measured and shown."""

from tests.bench import load_cases, route_cases, tls_cases

CASES = {**load_cases.CASES, **tls_cases.CASES, **route_cases.CASES}
