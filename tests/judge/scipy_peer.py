"""What SciPy says of the same samples and counts: JSON in on standard input, JSON out.

{"samples": [[x, y], ...], "counts": [[errors of the candidate, all errors, its share], ...], "time": [[x, y], ...]}
"""

import json
import sys
import time

from scipy.stats import binomtest, mannwhitneyu


def shift(x, y):
    """U of x, and the two-sided p by the normal approximation with continuity and tie correction."""
    found = mannwhitneyu(x, y, use_continuity=True, alternative="two-sided", method="asymptotic")
    return [float(found.statistic), float(found.pvalue)]


def worked(samples):
    """Seconds of processor time that all of them take."""
    began = time.thread_time()
    for x, y in samples:
        shift(x, y)
    return time.thread_time() - began


def main():
    asked = json.load(sys.stdin)
    answer = {
        "samples": [shift(x, y) for x, y in asked["samples"]],
        "counts": [float(binomtest(k, n, share, alternative="greater").pvalue) for k, n, share in asked["counts"]],
    }
    answer["seconds"] = min(worked(asked.get("time", [])) for _ in range(5))
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
