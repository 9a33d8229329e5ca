#!/bin/sh
# Create what the other containers wait for. Keeps what exists, so that it can run at every start.
set -eu
umask 027 # group 0, which includes Grafana, may read the secrets

secret() {
  test -s "$1" && return
  python -c 'import secrets; print(secrets.token_urlsafe(24), end="")' >"$1.new"
  mv "$1.new" "$1"
}

secret /secrets/api/key
secret /secrets/grafana/password
fraud topics
fraud data
test -e "$FRAUD_HOME/models/latest" || fraud train

echo 'the API key:                 docker compose exec api cat /secrets/api/key'
echo 'the password of admin:       docker compose exec grafana cat /secrets/grafana/password'
