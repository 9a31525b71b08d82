"""`mlkeep doctor`."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata
from typing import assert_never

import click

import mlkeep
from mlkeep.blobs.diagnosis import Verdict
from mlkeep.cli.checks import Finding, check_artifacts, check_place, check_store
from mlkeep.cli.options import env
from mlkeep.cli.secrets import MASK, is_secret, without_secrets
from mlkeep.cli.tables import one_line
from mlkeep.sdk import config

LIBRARIES = (
    "alembic",
    "click",
    "cloudpickle",
    "litestar",
    "matplotlib",
    "mlflow",
    "mlkeep-mlflow-shim",
    "msgspec",
    "numpy",
    "obstore",
    "pandas",
    "scikit-learn",
    "scipy",
    "skops",
    "sqlalchemy",
    "urllib3",
    "uvicorn",
)
"""Distributions whose versions explain most faults; those that are not installed are left out."""


@click.command()
@click.option("--mask-envs", is_flag=True, help="Mask the values of all environment variables, not only of secrets.")
@click.option(
    "--artifacts",
    metavar="URI",
    help="Check this place for artifacts instead: a folder, a bucket (s3://, gs://, abfss://, wasbs://), or a server.",
)
@click.pass_context
def doctor(context: click.Context, mask_envs: bool, artifacts: str | None) -> None:
    """Check that tracking works from here, and print what a report of a fault needs.

    It prints versions, settings and environment variables, asks the tracking store whether it works, and writes, reads
    and deletes a small file where the artifacts of the experiment 'Default' go. Nothing else is changed. Passwords,
    tokens and keys are never printed.

    With --artifacts it does all that mlkeep does at such a place, from here, with small files that it deletes again:
    whether it answers, list, write, read back, a range, delete, an upload in parts, and signed URLs.

    The exit code is 1 if a check fails; each failure comes with what to do.

    \b
    Examples:
      mlkeep doctor
      MLKEEP_TRACKING_URI=http://tracking:5000 mlkeep doctor --mask-envs
      mlkeep doctor --artifacts s3://bucket/models
    """
    if artifacts is not None:
        _print_place(context, artifacts)
        return
    tracking_uri, registry_uri = config.get_tracking_uri(), config.get_registry_uri()
    _print_section("System", _system())
    _print_section("Libraries", _libraries())
    _print_section(
        "Settings",
        [
            ("tracking URI", f"{tracking_uri} ({_origin('TRACKING_URI', 'the default: no variable sets it')})"),
            ("registry URI", f"{registry_uri} ({_origin('REGISTRY_URI', 'as the tracking URI')})"),
        ],
    )
    _print_section("Environment", _variables(mask_all=mask_envs))
    click.echo("Checks")
    findings = []
    for finding in _findings(tracking_uri, registry_uri):
        _print_finding(finding)
        findings.append(finding)
    if not all(finding.is_ok for finding in findings):
        context.exit(1)


def _print_place(context: click.Context, uri: str) -> None:
    """Print what can be done at an artifact URI."""
    click.echo(f"Artifacts at {_shown(uri)}")
    failed = False
    for check in check_place(uri, config.get_tracking_uri()):
        failed = failed or check.verdict is Verdict.FAIL
        click.echo(f"  {_verdict(check.verdict)}  {check.name}: {_shown(check.sentence)}")
        if check.advice:
            click.echo(f"        {check.advice}")
    if failed:
        context.exit(1)


def _verdict(verdict: Verdict) -> str:
    match verdict:
        case Verdict.OK:
            return click.style("ok  ", fg="green")
        case Verdict.FAIL:
            return click.style("FAIL", fg="red", bold=True)
        case Verdict.SKIPPED:
            return click.style("skip", fg="yellow")
        case _:
            assert_never(verdict)


def _system() -> list[tuple[str, str]]:
    return [
        ("mlkeep", f"{mlkeep.__version__} ({os.path.dirname(mlkeep.__file__)})"),  # noqa: PTH120 - a text is wanted
        ("Python", f"{platform.python_version()} ({sys.executable})"),
        ("platform", platform.platform()),
    ]


def _libraries() -> Iterator[tuple[str, str]]:
    for name in LIBRARIES:
        try:
            yield name, metadata.version(name)
        except metadata.PackageNotFoundError:
            continue


def _origin(name: str, default: str) -> str:
    """Which environment variable a setting comes from."""
    ours, theirs = env(name)
    chosen = ours if os.environ.get(ours) else theirs
    if not os.environ.get(chosen):
        return default
    if chosen == ours and os.environ.get(theirs) not in (None, "", os.environ[ours]):
        return f"from {ours}, which wins over {theirs}"
    return f"from {chosen}"


def _variables(*, mask_all: bool) -> list[tuple[str, str]]:
    found = sorted(name for name in os.environ if name.startswith(("MLKEEP_", "MLFLOW_")))
    return [(name, MASK if mask_all or is_secret(name) else os.environ[name]) for name in found]


def _findings(tracking_uri: str, registry_uri: str) -> Iterator[Finding]:
    tracking = check_store("tracking store", tracking_uri)
    yield tracking
    if registry_uri != tracking_uri:
        yield check_store("registry store", registry_uri)
    if tracking.is_ok:
        yield check_artifacts(tracking_uri)
    else:
        yield Finding(
            "artifact store",
            "not checked: only the tracking store knows where it is",
            "Repair the tracking store first.",
        )


def _print_section(title: str, lines: Iterable[tuple[str, str]]) -> None:
    click.echo(title)
    known = list(lines)
    width = max((len(name) for name, _ in known), default=0)
    for name, text in known or [("none", "")]:
        click.echo(f"  {name.ljust(width)}  {_shown(text)}".rstrip())
    click.echo()


def _print_finding(finding: Finding) -> None:
    verdict = _verdict(Verdict.OK if finding.is_ok else Verdict.FAIL)
    click.echo(f"  {verdict}  {finding.check}: {_shown(finding.detail)}")
    if finding.advice:
        click.echo(f"        {finding.advice}")


def _shown(text: str) -> str:
    return one_line(without_secrets(text))
