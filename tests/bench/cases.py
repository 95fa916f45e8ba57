"""All cases of the benchmark, in the order in which they are measured and shown."""

from tests.bench import grpc_cases, h2_cases, load_cases, route_cases, tls_cases

CASES = {**load_cases.CASES, **tls_cases.CASES, **h2_cases.CASES, **grpc_cases.CASES,
         **route_cases.CASES}
