#!/bin/sh
# Creates Temporal's two databases on first start and brings their schema to the version of this image on every start.
# SQL_PLUGIN, SQL_HOST, SQL_PORT, SQL_USER and SQL_PASSWORD come from the environment (temporal-sql-tool reads them).
set -eu

prepare() {
  # `create` fails when the database is there; `setup-schema` would then reset its version. If `create` fails for another
  # reason, `update-schema` fails too and says why.
  if temporal-sql-tool --db "$1" create; then
    temporal-sql-tool --db "$1" setup-schema -v 0.0
  fi
  temporal-sql-tool --db "$1" update-schema -d "/etc/temporal/schema/postgresql/v12/$2/versioned"
}

prepare temporal temporal
prepare temporal_visibility visibility
