#!/usr/bin/env bash
# A Kafka broker's jars in .build/kafka, for the fault suite; Maven keeps them in its own cache too.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
pom=$here/tests/faults/kafka/pom.xml jars=$here/.build/kafka
[ ! "$jars/.complete" -nt "$pom" ] || exit 0
rm -rf "$jars"
mvn -q -B -ntp -f "$pom" dependency:copy-dependencies -DincludeScope=runtime "-DoutputDirectory=$jars" ||
    { echo "bluflow: Maven cannot fetch the Kafka broker; is java and Maven Central there?" >&2; exit 2; }
touch "$jars/.complete"
