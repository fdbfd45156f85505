"""Alertmanager's configuration: as it stands, and with the receivers that settings name."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.watch.files import ROOT

START = ROOT / "alertmanager" / "start.sh"


def printed(**settings: str) -> "subprocess.CompletedProcess[str]":
    """What `start.sh print` says with these settings."""
    environment = {"PATH": os.environ["PATH"], **settings}
    return subprocess.run(["/bin/sh", str(START), "print"], env=environment, capture_output=True, text=True)


def receivers(folder: Path, **settings: str) -> dict[str, Any]:
    """The receivers by name, once amtool has taken the whole."""
    done = printed(**settings)
    assert done.returncode == 0, done.stderr
    (folder / "made.yml").write_text(done.stdout)
    checked = subprocess.run(["amtool", "check-config", str(folder / "made.yml")], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    return {one.pop("name"): one for one in yaml.safe_load(done.stdout)["receivers"]}


def test_without_settings_it_is_the_file_and_nobody_is_told(tmp_path: Path) -> None:
    assert receivers(tmp_path) == {"warnings": {}, "critical": {}}
    assert yaml.safe_load(printed().stdout) == yaml.safe_load((START.parent / "alertmanager.yml").read_text())


def test_a_webhook_gets_all_and_another_the_critical_ones_besides(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("https://pager/it's?key=1\n")
    found = receivers(tmp_path, ALERT_WEBHOOK_URL="http://house:8/", ALERT_CRITICAL_WEBHOOK_URL_FILE=str(secret))
    assert found == {
        "warnings": {"webhook_configs": [{"url": "http://house:8/"}]},
        "critical": {"webhook_configs": [{"url": "http://house:8/"}, {"url": "https://pager/it's?key=1"}]},
    }


def test_e_mail_goes_to_both_and_the_password_stays_in_its_file(tmp_path: Path) -> None:
    found = receivers(
        tmp_path,
        ALERT_EMAIL_TO="a@example.org, b@example.org",
        ALERT_SMTP="mail:587",
        ALERT_SMTP_USER="me",
        ALERT_SMTP_PASSWORD_FILE="/run/secrets/smtp",
    )
    [mail] = found["warnings"]["email_configs"]
    assert mail == {
        "to": "a@example.org, b@example.org",
        "from": "bluflow@localhost",
        "smarthost": "mail:587",
        "require_tls": True,
        "send_resolved": True,
        "auth_username": "me",
        "auth_password_file": "/run/secrets/smtp",
    }
    assert found["critical"]["email_configs"] == [mail]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"ALERT_EMAIL_TO": "a@example.org"}, "ALERT_EMAIL_TO needs ALERT_SMTP, host:port of the mail server"),
        ({"ALERT_WEBHOOK_URL": "house:8"}, "ALERT_WEBHOOK_URL does not begin with http:// or https://"),
        ({"ALERT_WEBHOOK_URL": "http://a http://b"}, "ALERT_WEBHOOK_URL is not one URL"),
        ({"ALERT_CRITICAL_WEBHOOK_URL_FILE": "/no/file"}, "ALERT_CRITICAL_WEBHOOK_URL_FILE: cannot read /no/file"),
        (
            {"ALERT_SMTP": "mail:25", "ALERT_EMAIL_TO": "a", "ALERT_SMTP_TLS": "maybe"},
            "ALERT_SMTP_TLS is true or false",
        ),
    ],
)
def test_a_mistake_is_one_line_and_ends_with_2(settings: dict[str, str], said: str) -> None:
    done = printed(**settings)
    assert (done.returncode, done.stderr) == (2, f"alertmanager/start.sh: {said}\n")


def test_every_setting_of_the_receivers_is_documented_and_no_other() -> None:
    read = set(re.findall(r"ALERT_[A-Z_]+[A-Z]", START.read_text()))
    named = set(re.findall(r"ALERT_[A-Z_]+[A-Z]", (ROOT / "docs" / "watching.md").read_text()))
    with_file = {"ALERT_WEBHOOK_URL_FILE", "ALERT_CRITICAL_WEBHOOK_URL_FILE"}
    assert len(read) > 6
    assert named == read | with_file


@pytest.mark.parametrize(("severity", "receiver"), [("warning", "warnings"), ("critical", "critical")])
def test_alerts_go_by_severity(severity: str, receiver: str) -> None:
    config = f"--config.file={START.parent / 'alertmanager.yml'}"
    command = ["amtool", "config", "routes", "test", config, f"severity={severity}", "alertname=Any"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == receiver
