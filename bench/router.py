# SPDX-License-Identifier: Apache-2.0
"""Matching events against rules, from raw JSON to the rules that match, beside event-ruler and
Quamina: one core, the same events, the same rules, and the same number of matches on all sides.

The events and the banks of rules are those of the project's shared bench folder: 213,068 lines
of the shape of the San Francisco city lots. Needs Java, and Maven once; Go for Quamina.
"""
import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "support"))
import evoke_daemon  # noqa: E402
import ruler  # noqa: E402

INPUTS = evoke_daemon.SHARED / "bench"
TOOL = evoke_daemon.BUILD / "tests" / "tools" / "match_bench"
PIN = ["taskset", "-c", "0"]
GOALS = {"ALL_65": 10}  # times event-ruler
GOAL = 5
QUAMINA_GOAL = 3
EXACT_SLOWER = 0.25  # 100,000 rules against 1


def events_file():
    path = ruler.CACHE / "citylots.ndjson"
    if not path.exists():
        ruler.CACHE.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, INPUTS / "generate_citylots.py", path], check=True)
    return path


def rules():
    """The banks, all of them but the arrays together, and many exact rules on one field."""
    banks = (INPUTS / "router_rules.tsv").read_text().splitlines()
    yield from banks
    yield from ("ALL_65\t" + line.split("\t", 1)[1] for line in banks
                if not line.startswith("COMPLEX_ARRAYS"))
    chosen = random.Random(7)
    values = list(dict.fromkeys(f"{chosen.randint(1, 7999):04}{chosen.randint(1, 120):03}"
                                for _ in range(150_000)))[:100_000]
    for count in (1, 1000, 100_000):
        for value in values[:count]:
            yield f"EXACT_{count}\t" + json.dumps({"properties": {"MAPBLKLOT": [value]}})


def run(command, *arguments):
    ended = subprocess.run([*PIN, *command, *arguments], capture_output=True, text=True, check=True)
    rows = (line.split("\t") for line in ended.stdout.splitlines())
    return {name: (float(rate), int(matches)) for name, rate, matches in rows}


def quamina(folder, arguments):
    """What it measures; nothing, and says so, where it cannot be built."""
    program = pathlib.Path(folder) / "quamina"
    if not shutil.which("go"):
        print("quamina: not measured, there is no Go")
        return {}
    built = subprocess.run(["go", "build", "-o", program, "."], cwd=HERE / "router" / "quamina",
                           capture_output=True, text=True, check=False)
    if built.returncode != 0:
        print(f"quamina: not measured, {built.stderr.strip().splitlines()[-1]}")
        return {}
    return run([program], *arguments)


def main():
    with tempfile.TemporaryDirectory(prefix="evoke-router-") as folder:
        rules_file = pathlib.Path(folder) / "rules.tsv"
        rules_file.write_text("\n".join(rules()) + "\n")
        arguments = (events_file(), rules_file)
        ours = run([TOOL], *arguments)
        theirs = run(ruler.command("bench/router/RulerBench.java", folder), *arguments)
        others = quamina(folder, arguments)
    for name, (rate, matches) in ours.items():
        peer, peer_matches = theirs[name]
        assert matches == peer_matches, f"{name}: {matches} matches, event-ruler {peer_matches}"
        goal = "" if name.startswith("EXACT_") else f" (goal >= {GOALS.get(name, GOAL)})"
        print(f"{name}: {rate:,.0f} events/s, event-ruler {peer:,.0f}: {rate / peer:.1f} times"
              f"{goal}, {matches:,} matches")
    for name, (peer, peer_matches) in others.items():
        assert ours[name][1] == peer_matches, f"{name}: Quamina has {peer_matches} matches"
        goal = "" if name.startswith("EXACT_") else f" (goal >= {QUAMINA_GOAL})"
        print(f"{name}: {ours[name][0] / peer:.1f} times quamina's {peer:,.0f}{goal}")
    changes = subprocess.run([*PIN, TOOL, "changes", "100000"], capture_output=True, text=True,
                             check=True).stdout.split()
    print(f"a rule more with 100,000: {changes[1]} ms (goal < 10); a merge: {changes[3]} ms")
    slower = 1 - ours["EXACT_100000"][0] / ours["EXACT_1"][0]
    print(f"100,000 exact rules against 1: {slower:.0%} slower (goal <= {EXACT_SLOWER:.0%})")


if __name__ == "__main__":
    try:
        main()
    except ruler.Missing as missing:
        sys.exit(f"router: {missing}")
