# SPDX-License-Identifier: Apache-2.0
"""When schedules are due, compared with what others say: zones with Python's zoneinfo, cron lines
with croniter, AWS's expressions with croner. Each is skipped, and says so, where it is not
installed and cannot be: their packages are kept in ~/.cache/evoke-clients (EVOKE_CLIENT_CACHE)."""
import datetime
import json
import os
import pathlib
import random
import subprocess
import sys
import zoneinfo

import pytest

import evoke_daemon

PRINT = evoke_daemon.BUILD / "tests" / "conformance" / "schedule_print"
CACHE = pathlib.Path(os.environ.get("EVOKE_CLIENT_CACHE",
                                    pathlib.Path.home() / ".cache" / "evoke-clients"))
ZONES = ["Europe/Berlin", "America/New_York", "America/St_Johns", "Australia/Lord_Howe",
         "Africa/Casablanca", "Pacific/Apia", "Asia/Kolkata", "America/Santiago",
         "Europe/Dublin", "Antarctica/Troll", "UTC"]

pytestmark = pytest.mark.skipif(not PRINT.exists(), reason=f"{PRINT} is not built")


def times(questions):
    """[[seconds]] or ["error: ..."] for (dialect, expression, zone, after, count)."""
    lines = "".join("\t".join(map(str, one)) + "\n" for one in questions)
    done = subprocess.run([PRINT], input=lines, capture_output=True, text=True, check=True,
                          timeout=100)
    return [line if line.startswith("error") else [int(word) for word in line.split()]
            for line in done.stdout.splitlines()]


def install(command, folder, what):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as err:
        pytest.skip(f"{what} cannot be installed: {err}")
    if done.returncode != 0 or not folder.exists():
        pytest.skip(f"{what} cannot be installed: {done.stderr.strip()[-200:]}")


# --- zones: each change of the offset in ten years, found by Python and looked at by a cron ---

def changes_of(zone, first, last):
    """UTC hours, as seconds, just before and after each change of the offset."""
    info, found = zoneinfo.ZoneInfo(zone), []
    at, step = first, 86400
    while at < last:
        offsets = [datetime.datetime.fromtimestamp(one, info).utcoffset()
                   for one in (at, at + step)]
        if offsets[0] != offsets[1]:
            found.append(at)
        at += step
    return found


@pytest.mark.parametrize("zone", ZONES)
def test_quarter_hours_around_changes_are_those_of_zoneinfo(zone):
    info = zoneinfo.ZoneInfo(zone)
    starts = [one - 86400 for one in changes_of(zone, 1735689600, 2051222400)] + [1767225600]
    answers = times([("full", "cron(0/15 * * * ? *)", zone, start, 300) for start in starts])
    for start, answer in zip(starts, answers):
        assert answer == quarters_after(info, start, 300)


def quarters_after(info, start, count):
    """The quarter hours that a clock on the wall shows, each the first time it does."""
    utc, seen, found = datetime.timezone.utc, set(), []
    begin = start // 60 * 60 - 86400
    at = begin
    while len(found) < count:
        local = datetime.datetime.fromtimestamp(at, utc).astimezone(info).replace(tzinfo=None)
        if local.minute % 15 == 0 and local.second == 0 and local not in seen:
            seen.add(local)
            if at > start:
                found.append(at)
        at += 60
    return found


# --- cron ---

def random_field(rng, low, high, words=None):
    def value():
        number = rng.randint(low, high)
        return words[number - low] if words and rng.random() < 0.3 else str(number)

    kind = rng.random()
    if kind < 0.3:
        return "*"
    if kind < 0.45:
        return f"*/{rng.randint(2, max(2, (high - low) // 2))}"
    if kind < 0.75:
        return value()
    if kind < 0.9:
        first, last = sorted(rng.sample(range(low, high + 1), 2))
        return f"{first}-{last}"
    return ",".join(str(one) for one in sorted(rng.sample(range(low, high + 1), 3)))


MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
DAYS = "SUN MON TUE WED THU FRI SAT".split()


def test_crontab_lines_are_due_as_croniter_says():
    folder = CACHE / "croniter"
    if not folder.exists():
        install([sys.executable, "-m", "pip", "install", "--target", folder, "croniter"], folder,
                "croniter")
    sys.path.insert(0, str(folder))
    try:
        croniter = pytest.importorskip("croniter").croniter
    finally:
        sys.path.remove(str(folder))
    rng, questions, expected = random.Random(20260131), [], []
    while len(questions) < 400:
        line = " ".join([random_field(rng, 0, 59), random_field(rng, 0, 23),
                         random_field(rng, 1, 31), random_field(rng, 1, 12, MONTHS),
                         random_field(rng, 0, 6, DAYS)])
        fields = line.split()
        # cron wants both days when one begins with "*" and has a step; croniter takes either.
        if any(field.startswith("*/") for field in (fields[2], fields[4])):
            continue
        start = rng.randint(1700000000, 1900000000)
        at = croniter(line, datetime.datetime.fromtimestamp(start, datetime.timezone.utc),
                      max_years_between_matches=60)
        try:
            due = [int(at.get_next(float)) for _ in range(5)]
        except Exception:  # croniter's own error for what never comes
            continue
        questions.append(("file", line, "UTC", start, 5))
        expected.append(due)
    wrong = [(one, answer, due) for one, answer, due in zip(questions, times(questions), expected)
             if answer != due]
    assert not wrong, wrong[:3]


CRONER = """
const { Cron } = require('croner');
const ask = JSON.parse(require('fs').readFileSync(0));
const out = ask.map(([pattern, zone, after, count]) => {
  const job = new Cron(pattern, {timezone: zone, paused: true, domAndDow: true});
  return job.nextRuns(count, new Date(after * 1000)).map(d => d.getTime() / 1000);
});
console.log(JSON.stringify(out));
"""


def aws_questions():
    rng, questions = random.Random(31012026), []
    for _ in range(300):
        day = rng.choice(["*", "L", str(rng.randint(1, 31)), f"{rng.randint(1, 31)}W", "LW"])
        weekday = rng.choice(["MON-FRI", f"{rng.randint(1, 7)}", f"{rng.randint(1, 7)}#3",
                              f"{rng.randint(1, 7)}L", "SUN,WED", "SAT#1"])
        day, weekday = rng.choice([(day, "?"), ("?", weekday)])
        questions.append((
            random_field(rng, 0, 59), random_field(rng, 0, 23), day,
            random_field(rng, 1, 12, MONTHS), weekday, rng.choice(["UTC", "Asia/Kolkata"]),
            rng.randint(1700000000, 1900000000)))
    return questions


def to_croner(minute, hour, day, month, weekday):
    """Croner counts weekdays from 0 and has '*' where AWS has '?'."""
    if weekday[0].isdigit():
        weekday = str(int(weekday[0]) - 1) + weekday[1:]
    weekday = weekday.replace("L", "#L") if weekday.endswith("L") else weekday
    star = {"?": "*"}
    return f"0 {minute} {hour} {star.get(day, day)} {month} {star.get(weekday, weekday)}"


def test_aws_expressions_are_due_as_croner_says():
    folder = CACHE / "croner" / "node_modules" / "croner"
    if not folder.exists():
        home = folder.parents[1]
        home.mkdir(parents=True, exist_ok=True)
        install(["npm", "install", "--prefix", str(home), "croner@10"], folder, "croner")
    questions = aws_questions()
    asked = [(to_croner(*one[:5]), one[5], one[6], 4) for one in questions]
    done = subprocess.run(["node", "-e", CRONER], input=json.dumps(asked), capture_output=True,
                          text=True, cwd=folder.parents[1], timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    answers = times([("full", f"cron({' '.join(one[:5])} *)", one[5], one[6], 4)
                     for one in questions])
    wrong = [(one, ask, answer, due) for one, ask, answer, due
             in zip(questions, asked, answers, json.loads(done.stdout)) if answer != due]
    assert not wrong, wrong[:3]
