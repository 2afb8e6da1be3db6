// The first schema. Once released it stays as it is: what changes is another migration.

/** Rows that are written once: this keeps mistakes of our own out, not people with a shell, whom `verify` finds. */
const appendOnly = (table: string): string => `
CREATE TRIGGER ${table}_unchanged BEFORE UPDATE ON ${table} BEGIN SELECT RAISE(ABORT, '${table} is append-only'); END;
CREATE TRIGGER ${table}_kept BEFORE DELETE ON ${table} BEGIN SELECT RAISE(ABORT, '${table} is append-only'); END;`;

export const schema1 = `
-- Documents by digest: what is the same in many revisions is here once.
CREATE TABLE object (
  id INTEGER PRIMARY KEY,
  digest TEXT NOT NULL UNIQUE CHECK (length(digest) = 64),
  body TEXT NOT NULL
) STRICT;

CREATE TABLE revision (
  number INTEGER PRIMARY KEY CHECK (number > 0),
  parent TEXT NOT NULL,
  content TEXT NOT NULL,
  digest TEXT NOT NULL,
  actor TEXT NOT NULL,
  reason TEXT,
  at INTEGER NOT NULL
) STRICT;

-- What a revision changed. What it holds is, for each name, the last change up to it; no object: it was removed.
CREATE TABLE revision_change (
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  revision INTEGER NOT NULL REFERENCES revision (number),
  object_id INTEGER REFERENCES object (id),
  PRIMARY KEY (kind, id, revision)
) STRICT, WITHOUT ROWID;
CREATE INDEX revision_change_by_revision ON revision_change (revision);
CREATE INDEX revision_change_by_object ON revision_change (object_id);

CREATE TABLE seal_key (
  id TEXT PRIMARY KEY,
  position INTEGER NOT NULL UNIQUE,
  public_key TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sealed (
  digest TEXT PRIMARY KEY CHECK (length(digest) = 64),
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  seal_key TEXT NOT NULL REFERENCES seal_key (id),
  bytes BLOB NOT NULL,
  put_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sealed_by_key ON sealed (seal_key, digest);

-- Which documents refer to which sealed secret.
CREATE TABLE object_sealed (
  object_id INTEGER NOT NULL REFERENCES object (id),
  sealed TEXT NOT NULL REFERENCES sealed (digest),
  PRIMARY KEY (object_id, sealed)
) STRICT, WITHOUT ROWID;
CREATE INDEX object_sealed_by_sealed ON object_sealed (sealed);

CREATE TABLE audit (
  seq INTEGER PRIMARY KEY CHECK (seq > 0),
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  reason TEXT,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail TEXT,
  row TEXT,
  hash TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_subject ON audit (subject, seq);
CREATE INDEX audit_by_actor ON audit (actor, seq);

-- The newest entry once more, so that one that is cut off the end is missed.
CREATE TABLE audit_head (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  seq INTEGER NOT NULL,
  hash TEXT NOT NULL
) STRICT;

CREATE TABLE user (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  role TEXT NOT NULL,
  password_digest TEXT,
  disabled INTEGER NOT NULL CHECK (disabled IN (0, 1)),
  created_at INTEGER NOT NULL,
  version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE session (
  digest TEXT PRIMARY KEY CHECK (length(digest) = 64),
  user_id TEXT NOT NULL REFERENCES user (id),
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_by_user ON session (user_id, used_at);
CREATE INDEX session_by_end ON session (expires_at);

CREATE TABLE token (
  id TEXT PRIMARY KEY,
  digest TEXT NOT NULL UNIQUE CHECK (length(digest) = 64),
  user_id TEXT NOT NULL REFERENCES user (id),
  name TEXT NOT NULL,
  scopes TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX token_by_user ON token (user_id);

CREATE TABLE gateway (
  name TEXT PRIMARY KEY,
  joined_at INTEGER NOT NULL,
  reported_at INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  content TEXT,
  report TEXT NOT NULL
) STRICT;

CREATE TABLE handshake_failure (
  id INTEGER PRIMARY KEY,
  gateway TEXT NOT NULL,
  side TEXT NOT NULL CHECK (side IN ('client', 'backend')),
  code TEXT NOT NULL,
  peer TEXT NOT NULL,
  count INTEGER NOT NULL,
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  sample TEXT NOT NULL,
  UNIQUE (gateway, side, code, peer)
) STRICT;
CREATE INDEX handshake_failure_by_time ON handshake_failure (last_at, id);

CREATE TABLE idempotency_key (
  key TEXT PRIMARY KEY,
  request TEXT NOT NULL,
  answer TEXT,
  begun_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_key_by_end ON idempotency_key (expires_at);
CREATE INDEX idempotency_key_by_time ON idempotency_key (begun_at);
${['object', 'revision', 'revision_change', 'object_sealed', 'audit'].map(appendOnly).join('')}
`;
