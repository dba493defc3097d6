"""What an installation consists of, and under which licences."""

import json
import re
import subprocess
import sys
from pathlib import Path

#: Licences of other people's packages that go with ours (MIT). The packages are asked for, not
#: shipped, so those that want changes to themselves given back do no harm; what makes demands
#: on the program that uses it – GPL, AGPL – or is no free licence does.
_GOOD = re.compile(
    r"(MIT|MIT-0|BSD|BSD-[23]-Clause|[23]-Clause BSD|0BSD|ISC|Apache|Apache-2\.0|PSF-2\.0"
    r"|Python Software Foundation"
    r"|Python-2\.0|Zlib|Unlicense|CC0-1\.0|MPL-2\.0|Mozilla Public License 2\.0"
    r"|LGPL-[23]\.[01](-only|-or-later)?|GNU Lesser General Public License \S+)"
    r"( License| Software License|\s\(.*)?( \d\.\d)?",
    re.IGNORECASE,
)

#: Whose own words of it are unclear; what the text of the licence says.
_READ = {"qrcode": "BSD-3-Clause AND MIT"}


def write(environment: Path, dist: Path) -> list[dict[str, str]]:
    """Write the bill of materials and the licences of an environment, and judge them."""
    name = next(dist.glob("*.tar.gz")).name.removesuffix(".tar.gz")
    tools = Path(sys.executable).parent
    python = str(environment / "bin" / "python")
    bill = dist / f"{name}.cdx.json"
    subprocess.run(
        [tools / "cyclonedx-py", "environment", "--output-reproducible", "-o", bill, python],
        check=True,
        timeout=120,
        capture_output=True,
    )
    listed = subprocess.run(
        [
            tools / "pip-licenses",
            f"--python={python}",
            "--format=json",
            "--from=mixed",
            "--with-urls",
        ],
        check=True,
        timeout=120,
        capture_output=True,
        text=True,
    )
    rows = [row for row in json.loads(listed.stdout) if row["Name"] != "proxim"]
    components = json.loads(bill.read_text(encoding="utf-8"))["components"]
    billed = {each["name"].lower().replace("_", "-") for each in components}
    for row in rows:
        assert row["Name"].lower().replace("_", "-") in billed, f"{row['Name']} is not in the bill"
        licence = _READ.get(row["Name"], row["License"])
        assert good(licence), f"{row['Name']} is under {row['License']}"
    text = "".join(
        f"{row['Name']} {row['Version']}\t{row['License']}\t{row['URL']}\n" for row in rows
    )
    (dist / f"{name}.licences.txt").write_text(text, encoding="utf-8")
    return rows


def good(licence: str) -> bool:
    """Whether one may choose a licence that goes with ours; where several hold, all have to."""
    return all(
        any(_GOOD.fullmatch(choice.strip(" ()")) for choice in re.split(r"\bOR\b|/", part))
        for part in re.split(r"\bAND\b|;", licence)
    )
