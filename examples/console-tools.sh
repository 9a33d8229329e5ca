#!/usr/bin/env bash
# Kafka's own console tools: examples/console-tools.sh publish | alerts [an option of the tool ...]
# Those of a Kafka on PATH, else out of the jars that `fraud kafka start` fetches where there is no Docker.
# For SASL and TLS they take a file of Java's properties, which are not librdkafka's: --command-config FILE
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
servers=${FRAUD_BOOTSTRAP_SERVERS:-127.0.0.1:${FRAUD_KAFKA_PORT:-9092}}
prefix=${FRAUD_TOPIC_PREFIX:-}

tool() { # the script of a Kafka, the class in its jars
  local script=$1 class=$2
  shift 2
  if command -v "$script" >/dev/null; then "$script" "$@"; else java -cp "${FRAUD_HOME:-$root/.run}/kafka/jars/*" "$class" "$@"; fi
}

case ${1:-} in
  publish) # key, tab, transaction
    printf '%s\t%s\n' account-7 "$(cat "$root/docs/contract/examples/transaction.json")" |
      tool kafka-console-producer.sh org.apache.kafka.tools.ConsoleProducer --bootstrap-server "$servers" \
        --topic "${prefix}transactions" --reader-property parse.key=true "${@:2}"
    ;;
  alerts) # without the level of isolation it would show what was never committed
    tool kafka-console-consumer.sh org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server "$servers" \
      --topic "${prefix}alerts" --isolation-level read_committed --from-beginning "${@:2}"
    ;;
  *) sed -n 2,4p "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
