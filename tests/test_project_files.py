"""Files about the project: the changelog, how to contribute, how to cite."""

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
# Of the Citation File Format 1.2.0: what must be there, what may.
REQUIRED = {"cff-version", "message", "title", "authors"}
MAY = REQUIRED | {
    "abstract", "commit", "contact", "date-released", "doi", "identifiers", "keywords", "license",
    "license-url", "preferred-citation", "references", "repository", "repository-artifact",
    "repository-code", "type", "url", "version",
}  # fmt: skip
ENTITY, PERSON = {"name"}, {"family-names", "given-names"}


def citation() -> dict[str, Any]:
    record: dict[str, Any] = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    return record


def test_the_citation_is_of_the_format_and_of_this_version() -> None:
    record = citation()
    assert REQUIRED <= record.keys() <= MAY
    assert record["cff-version"] == "1.2.0"
    assert record["type"] in ("software", "dataset")
    assert (record["version"], record["license"]) == (PROJECT["version"], PROJECT["license"])
    for work in (record, *record["references"]):
        assert all(author.keys() in (ENTITY, PERSON) for author in work["authors"])
    (paper,) = record["references"]
    assert {"type", "title", "authors"} <= paper.keys()
    assert [found["value"] for found in paper["identifiers"]] == ["arXiv:2405.20084"]


def test_the_changelog_begins_with_what_is_unreleased_and_has_this_version() -> None:
    versions = re.findall(r"^## \[(.+?)\]", CHANGELOG, re.MULTILINE)
    assert versions[:2] == ["Unreleased", PROJECT["version"]]
    kinds = set(re.findall(r"^### (.+)$", CHANGELOG, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    dates = re.findall(r"^## \[\d.*\] - (.*)$", CHANGELOG, re.MULTILINE)
    assert len(dates) == len(versions) - 1
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", date) for date in dates)


def test_what_they_name_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"make ([a-z]+)", CONTRIBUTING):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for page in (CONTRIBUTING, CHANGELOG):
        for link in re.findall(r"\]\(((?!https:)[^)#]+)", page):
            assert (ROOT / link).exists(), link
