#!/usr/bin/env bash
# kcat (Debian: apt-get install kcat): examples/kcat.sh publish | alerts [an option of kcat ...]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
servers=${FRAUD_BOOTSTRAP_SERVERS:-127.0.0.1:${FRAUD_KAFKA_PORT:-9092}}
prefix=${FRAUD_TOPIC_PREFIX:-}

case ${1:-} in
  publish) # with the partitioner of all other clients, an account's transactions share a partition
    kcat ${FRAUD_KAFKA_CONFIG:+-F "$FRAUD_KAFKA_CONFIG"} -P -b "$servers" -t "${prefix}transactions" -k account-7 -X partitioner=murmur2_random \
      "${@:2}" "$root/docs/contract/examples/transaction.json"
    ;;
  alerts) # -e: exit at the end
    kcat ${FRAUD_KAFKA_CONFIG:+-F "$FRAUD_KAFKA_CONFIG"} -C -b "$servers" -t "${prefix}alerts" -X isolation.level=read_committed -o beginning -e -q \
      "${@:2}"
    ;;
  *) sed -n 2p "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
