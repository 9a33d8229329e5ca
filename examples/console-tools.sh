#!/usr/bin/env bash
# Kafka's own console tools: examples/console-tools.sh publish | alerts [an option of the tool ...]
# Uses a Kafka on PATH, or the jars that `fraud kafka start` downloads if there is no Docker.
# For SASL and TLS, pass a file of Java properties, which differ from librdkafka's: --command-config FILE
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
servers=${FRAUD_BOOTSTRAP_SERVERS:-127.0.0.1:${FRAUD_KAFKA_PORT:-9092}}
prefix=${FRAUD_TOPIC_PREFIX:-}

tool() { # a script of Kafka's, and the class in its jars that it runs
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
  alerts) # by default, the tool also shows uncommitted records
    tool kafka-console-consumer.sh org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server "$servers" \
      --topic "${prefix}alerts" --isolation-level read_committed --from-beginning "${@:2}"
    ;;
  *) sed -n 2,4p "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
