"""The one-shot jobs of the stack, run by bash against stand-ins for `rpk` and `influx`, which no package here has.

The stand-ins know the few commands that the jobs use, as their documents give them, and keep what was made in a folder.
"""

import os
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from schemas.topics import DAY, TOPICS
from tests.deploy.compose import COMBINATIONS, merged
from tests.deploy.conftest import ROOT

FAKE_RPK = r"""#!/bin/bash
state=$STATE
echo "$RPK_PASS|$*" >>"$state/calls"
case "$1 $2 ${3:-}" in
"topic list "*)
    [ "${RPK_USER:-}" != bluflow ] || [ "$RPK_PASS" = "$(cat "$state/password")" ] || exit 1
    echo "NAME  PARTITIONS  REPLICAS"; cat "$state/topics" 2>/dev/null || true ;;
"topic create "*) echo "$3  $5  $7" >>"$state/topics"; echo "$3 OK" ;;
"security user list") echo USERNAME; cat "$state/users" 2>/dev/null || true ;;
"security user create") echo "$4" >>"$state/users"; echo "$6" >"$state/password"; echo "password: $6" ;;
"security user update") echo "$4 $6 $8" >>"$state/updates"; echo "$6" >"$state/password"; echo "$6" ;;
"cluster health ") env | grep ^RPK_ >>"$state/environment"; echo "Healthy:   true" ;;
"security acl create") shift 3; echo "$*" >>"$state/acls" ;;
"redpanda start "*) printf '%s\n' "$RP_BOOTSTRAP_USER" >"$state/bootstrap" ;;
*) echo "unknown: $*" >&2; exit 9 ;;
esac
"""

FAKE_INFLUX = r"""#!/bin/bash
state=$STATE
[ "$INFLUX_TOKEN" = admin-token ] || { echo "401 Unauthorized" >&2; exit 1; }
case "$1 $2" in
"bucket list") cat "$state/buckets" 2>/dev/null || true ;;
"bucket create") printf 'id-%s\t%s\t%s\n' "$4" "$4" "$6" >>"$state/buckets" ;;
"bucket update") echo "$4 $6" >>"$state/updates" ;;
"auth create")
    echo "$*" >>"$state/auths"
    printf 'id\t%s\ttoken-%s\tadmin\n' "$4" "$(wc -l <"$state/auths")" ;;
*) echo "unknown: $*" >&2; exit 9 ;;
esac
"""


class Job:
    """Runs a script of the stack with the stand-ins in its path."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.state.mkdir()
        (folder / "bin").mkdir()
        for name, text in {"rpk": FAKE_RPK, "influx": FAKE_INFLUX}.items():
            path = folder / "bin" / name
            path.write_text(text)
            path.chmod(0o755)
        for name, text in {"admin": "admin-token\n", "client": "client-password\n"}.items():
            (folder / name).write_text(text)
        self.env = {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "STATE": str(self.state)}
        self.folder = folder

    def run(self, script: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        command = ["bash", str(ROOT / script), *arguments]
        return subprocess.run(command, env=self.env | env, capture_output=True, text=True, timeout=60, check=False)

    def lines(self, name: str) -> list[str]:
        path = self.state / name
        return path.read_text().splitlines() if path.exists() else []

    def topics(self, **env: str) -> subprocess.CompletedProcess[str]:
        secured = {
            "ADMIN_PASSWORD_FILE": str(self.folder / "admin"),
            "CLIENT": "bluflow",
            "CLIENT_PASSWORD_FILE": str(self.folder / "client"),
        }
        return self.run("redpanda/topics.sh", **(secured | env))

    def buckets(self, **env: str) -> subprocess.CompletedProcess[str]:
        for reader in ("sinks", "api", "grafana"):
            (self.folder / "tokens" / reader).mkdir(parents=True, exist_ok=True)
        given = {
            "INFLUX_ORG": "bluflow",
            "ADMIN_TOKEN_FILE": str(self.folder / "admin"),
            "TOKENS": str(self.folder / "tokens"),
        }
        return self.run("influxdb/init.sh", **(given | env))


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def test_the_list_of_topics_is_what_the_code_says() -> None:
    """`bluflow topics --lines > redpanda/topics.list` mends it."""
    listed = {}
    for line in (ROOT / "redpanda" / "topics.list").read_text().splitlines():
        name, partitions, *settings = line.split(" ")
        listed[name] = (int(partitions), dict(setting.split("=", 1) for setting in settings))
    assert listed == {topic.name: (topic.partitions, topic.config(embedded=False)) for topic in TOPICS}


def test_every_topic_is_made_once_with_its_partitions_copies_and_settings(job: Job) -> None:
    done = job.topics(REPLICATION="3")
    assert (done.returncode, done.stderr) == (0, "")
    assert job.lines("topics") == [f"shelly.{topic.name}  {topic.partitions}  3" for topic in TOPICS]
    raw = f"--topic-config cleanup.policy=delete --topic-config retention.ms={30 * DAY * 1000}"
    assert any(f"shelly.raw-frames.v1 --partitions 24 --replicas 3 {raw}" in call for call in job.lines("calls"))
    before = job.lines("topics")
    assert job.topics(REPLICATION="3").returncode == 0
    assert job.lines("topics") == before


def test_a_topic_of_another_partition_count_ends_the_job_before_it_makes_anything(job: Job) -> None:
    (job.state / "topics").write_text("shelly.readings.v1  12  1\n")
    done = job.topics()
    assert done.returncode == 1
    assert done.stderr == (
        "topic shelly.readings.v1 has 12 partitions, not 24, and that never changes in place: "
        "make a new generation (docs/generations.md)\n"
    )
    assert job.lines("topics") == ["shelly.readings.v1  12  1"]


def test_a_topic_whose_name_only_begins_alike_is_another_one(job: Job) -> None:
    (job.state / "topics").write_text("shelly.readings.v1.g2  48  1\n")
    assert job.topics().returncode == 0
    assert "shelly.readings.v1  24  1" in job.lines("topics")


def test_in_another_generation_the_job_makes_only_what_all_generations_share(job: Job) -> None:
    assert job.topics(GENERATION="g2").returncode == 0
    assert job.lines("topics") == [
        f"shelly.{topic.name}  {topic.partitions}  1" for topic in TOPICS if not topic.derived
    ]


def test_the_client_gets_a_user_with_rights_on_our_own_topics_and_no_password_is_shown(job: Job) -> None:
    done = job.topics()
    assert job.lines("users") == ["bluflow"]
    assert "client-password" not in done.stdout + done.stderr
    assert all(call.startswith("admin-token|") for call in job.lines("calls"))  # it logs in as the superuser
    assert job.lines("acls") == [
        "--allow-principal User:bluflow --operation all --topic shelly. --group shelly. "
        "--resource-pattern-type prefixed",
        "--allow-principal User:bluflow --operation idempotent_write,describe --cluster",
    ]
    assert job.topics().returncode == 0
    assert not job.lines("updates")
    (job.folder / "client").write_text("another\n")
    again = job.topics()
    assert (again.returncode, job.lines("users")) == (0, ["bluflow"])
    assert job.lines("updates") == ["bluflow another SCRAM-SHA-256"]
    assert "another" not in again.stdout + again.stderr


@pytest.mark.parametrize("secured", [True, False])
def test_the_health_check_logs_in_and_shows_its_password_to_nobody(job: Job, secured: bool) -> None:
    """Every user of the machine can see arguments."""
    test = merged(COMBINATIONS["default"])["services"]["redpanda"]["healthcheck"]["test"]
    assert test == ["CMD-SHELL", "bash /config/rpk.sh cluster health | grep -Eq 'Healthy:.+true'"]
    file = str(job.folder / "admin") if secured else ""
    done = job.run("redpanda/rpk.sh", "cluster", "health", ADMIN_PASSWORD_FILE=file)
    assert (done.returncode, done.stdout) == (0, "Healthy:   true\n")
    assert job.lines("calls") == [f"{'admin-token' if secured else ''}|cluster health"]
    given = dict(line.split("=", 1) for line in job.lines("environment"))
    tls = {f"RPK_{part}{name}" for part in ("", "ADMIN_") for name in ("TLS_ENABLED", "TLS_CA")}
    login = {"RPK_USER", "RPK_PASS", "RPK_SASL_MECHANISM"}
    assert given.keys() == {"RPK_BROKERS", "RPK_ADMIN_HOSTS"} | (login | tls if secured else set())


def test_without_logins_no_user_is_made(job: Job) -> None:
    assert job.topics(ADMIN_PASSWORD_FILE="", CLIENT="").returncode == 0
    assert not job.lines("users")
    assert not job.lines("acls")


@pytest.mark.parametrize(("env", "flag"), [({}, "true"), ({"SEEDS": "redpanda:33145,redpanda-1:33145"}, "false")])
def test_a_node_starts_with_a_copy_of_its_configuration(job: Job, env: dict[str, str], flag: str) -> None:
    etc = job.folder / "etc"
    etc.mkdir()
    given = {"NAME": "redpanda-1", "CONFIG": str(ROOT / "redpanda"), "ETC": str(etc)}
    done = job.run("redpanda/start.sh", ADMIN_PASSWORD_FILE=str(job.folder / "admin"), **given, **env)
    assert (done.returncode, done.stderr) == (0, "")
    node = yaml.safe_load((etc / "redpanda.yaml").read_text())["redpanda"]
    assert node["advertised_kafka_api"][0]["address"] == node["advertised_rpc_api"]["address"] == "redpanda-1"
    assert node["empty_seed_starts_cluster"] is (flag == "true")
    assert all(listener["authentication_method"] == "sasl" for listener in node["kafka_api"])
    assert yaml.safe_load((etc / ".bootstrap.yaml").read_text())["superusers"] == ["admin"]
    assert job.lines("bootstrap") == ["admin:admin-token:SCRAM-SHA-256"]
    assert ("--seeds " in job.lines("calls")[0]) == bool(env)


def test_every_listener_of_a_node_has_tls_and_asks_who_comes() -> None:
    node = yaml.safe_load((ROOT / "redpanda" / "redpanda.yaml").read_text())["redpanda"]
    cluster = yaml.safe_load((ROOT / "redpanda" / "redpanda.bootstrap.yaml").read_text())
    clients, admins = node["kafka_api"], node["admin"]
    assert [each["name"] for each in node["kafka_api_tls"]] == [each["name"] for each in clients]
    assert [each["name"] for each in node["advertised_kafka_api"]] == [each["name"] for each in clients]
    assert [each["name"] for each in node["admin_api_tls"]] == [each["name"] for each in admins]
    assert all(each["authentication_method"] == "sasl" for each in clients)
    for tls in (node["rpc_server_tls"], *node["kafka_api_tls"], *node["admin_api_tls"]):
        assert tls["enabled"]
        assert (tls["cert_file"], tls["key_file"]) == ("/run/secrets/redpanda.crt", "/run/secrets/redpanda.key")
    assert node["rpc_server_tls"]["require_client_auth"]
    assert cluster["admin_api_require_auth"]
    assert cluster["kafka_enable_authorization"]
    assert not cluster["auto_create_topics_enabled"]


def test_without_a_password_a_node_is_open(job: Job) -> None:
    etc = job.folder / "etc"
    etc.mkdir()
    assert job.run("redpanda/start.sh", NAME="redpanda", CONFIG=str(ROOT / "redpanda"), ETC=str(etc)).returncode == 0
    assert "sasl" not in (etc / "redpanda.yaml").read_text()
    assert job.lines("bootstrap") == [""]


def test_four_buckets_are_made_with_their_retention_and_set_to_it_again(job: Job) -> None:
    done = job.buckets()
    assert (done.returncode, done.stderr) == (0, "")
    kept = {"bluflow": "30d", "bluflow_5m": "365d", "bluflow_1h": "0s", "bluflow_1d": "0s"}
    assert [line.split("\t")[1:] for line in job.lines("buckets")] == [[name, keep] for name, keep in kept.items()]
    assert job.buckets().returncode == 0
    assert len(job.lines("buckets")) == 4
    assert job.lines("updates") == [f"id-{name} {keep}" for name, keep in kept.items()]


def test_each_reader_gets_a_token_of_least_rights_once_and_none_is_shown(job: Job) -> None:
    done = job.buckets()
    ids = [f"id-bluflow{end}" for end in ("", "_5m", "_1h", "_1d")]
    read = " ".join(f"--read-bucket {each}" for each in ids)
    both = " ".join(f"--read-bucket {each} --write-bucket {each}" for each in ids)
    assert job.lines("auths") == [
        f"auth create --description bluflow {reader} {rights} --hide-headers"
        for reader, rights in {"sinks": both, "api": read, "grafana": read}.items()
    ]
    files = [job.folder / "tokens" / reader / "token" for reader in ("sinks", "api", "grafana")]
    assert [file.read_text() for file in files] == ["token-1\n", "token-2\n", "token-3\n"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert "token-1" not in done.stdout + done.stderr
    job.buckets()
    assert len(job.lines("auths")) == 3


def test_a_server_that_refuses_ends_the_job_with_its_words(job: Job) -> None:
    (job.folder / "admin").write_text("wrong")
    done = job.buckets()
    assert done.returncode != 0
    assert "401 Unauthorized" in done.stderr
    assert not list((job.folder / "tokens").rglob("token"))
