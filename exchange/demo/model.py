"""
Demand and prices of the market's own, for when no files are given.

Small and calibrated on public traces of GPU clusters: arrivals come in bursts with a daily rhythm,
jobs are short (median some twenty minutes) with a long tail, and the two jobs in a hundred that
take eight GPUs account for about half of all GPU-hours. Prices drift around two dollars an hour.
Everything follows from the seed.
"""

import hashlib
import math
import random

from clients.import_report import ImportReport
from clients.index_prices import DayPrice, median

from .demand import DAY_S, Job

MODEL_DAYS = 60
JOBS_PER_DAY = 750
LARGE_SHARE = 0.02
LARGE_GPU_COUNT = 8
SMALL_MEDIAN_S, SMALL_SIGMA = 1_200.0, 2.3
LARGE_MEDIAN_S, LARGE_SIGMA = 19_000.0, 1.9
LONGEST_S = 30 * DAY_S
USER_COUNT = 14
PROVIDER_COUNT = 9
PRICE_USD = 2.0
DAILY_DRIFT = 0.012


def model_jobs(seed: int) -> list[Job]:
    """Two months of jobs in order of submission."""
    rng = random.Random(f"jobs {seed}")
    jobs = []
    for day in range(MODEL_DAYS):
        left = round(JOBS_PER_DAY * rng.lognormvariate(-0.08, 0.4))
        while left > 0:
            burst = min(left, 1 + int(rng.expovariate(1 / 12)))
            left -= burst
            user = f"user_{min(int(rng.expovariate(1 / 3)), USER_COUNT - 1)}"
            at_s = day * DAY_S + _time_of_day(rng)
            for _ in range(burst):
                at_s = min(at_s + int(rng.expovariate(1 / 20)), (day + 1) * DAY_S - 1)
                jobs.append(_job(rng, at_s, user))
    return sorted(jobs, key=lambda job: job.submit_s)


def model_prices(seed: int) -> tuple[list[DayPrice], ImportReport]:
    """A drifting price per day, spread over providers as list prices are."""
    rng = random.Random(f"prices {seed}")
    level = math.log(PRICE_USD)
    markups = [rng.gauss(0.0, 0.25) for _ in range(PROVIDER_COUNT)]
    days = []
    for day in range(MODEL_DAYS):
        level += rng.gauss(0.0, DAILY_DRIFT) - 0.05 * (level - math.log(PRICE_USD))
        medians = sorted(round(math.exp(level + markup) * 1_000_000) for markup in markups)
        days.append(DayPrice(day, median(medians), tuple(medians), PROVIDER_COUNT))
    source = f"model, seed {seed}"
    digest = hashlib.sha256(source.encode()).digest()
    return days, ImportReport(source=source, file_sha256=digest, row_count=len(days))


def _time_of_day(rng: random.Random) -> int:
    """Seconds into a day that is busiest in the afternoon."""
    while True:
        at_s = rng.randrange(DAY_S)
        busy = 0.6 + 0.4 * math.sin(2 * math.pi * (at_s / DAY_S - 0.35))
        if rng.random() < busy:
            return at_s


def _job(rng: random.Random, at_s: int, user: str) -> Job:
    is_large = rng.random() < LARGE_SHARE
    middle, sigma = (LARGE_MEDIAN_S, LARGE_SIGMA) if is_large else (SMALL_MEDIAN_S, SMALL_SIGMA)
    duration_s = int(min(LONGEST_S, max(30.0, rng.lognormvariate(math.log(middle), sigma))))
    return Job(at_s, LARGE_GPU_COUNT if is_large else 1, duration_s, user)
