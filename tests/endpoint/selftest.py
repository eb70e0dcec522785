"""The endpoint against its own promises, with boto3.

    python selftest.py --url http://127.0.0.1:PORT

Runs on a freshly seeded endpoint; a test changes only what no other test looks at.
"""

import argparse
import sys
import unittest

import selftest_base

MODULES = [f"selftest_{part}" for part in ("servers", "routes", "refresh", "alarms", "bakes", "lives", "control")]


def main():
    """Run all tests against the endpoint."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", required=True)
    parser.add_argument("names", nargs="*", help="only tests with one of these in their name")
    arguments = parser.parse_args()
    selftest_base.URL = arguments.url
    loader = unittest.TestLoader()
    loader.testNamePatterns = [f"*{name}*" for name in arguments.names] or None
    suite = loader.loadTestsFromNames(MODULES)
    outcome = unittest.TextTestRunner(verbosity=2).run(suite)
    sys.exit(not outcome.wasSuccessful())


if __name__ == "__main__":
    main()
