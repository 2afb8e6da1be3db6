// The first schema. Once released it stays as it is: what changes is another migration. Texts that are compared or sorted are compared by
// their bytes, whatever the collation of the database.

/** Rows that are written once: this keeps mistakes of our own out, not people with a shell, whom `verify` finds. */
const appendOnly = (table: string): string => `
CREATE TRIGGER ${table}_kept BEFORE UPDATE OR DELETE ON countersign.${table}
  FOR EACH ROW EXECUTE FUNCTION countersign.refuse_change();
CREATE TRIGGER ${table}_not_emptied BEFORE TRUNCATE ON countersign.${table}
  FOR EACH STATEMENT EXECUTE FUNCTION countersign.refuse_change();`;

export const schema1 = `
CREATE TABLE countersign.store (
  one integer PRIMARY KEY CHECK (one = 1),
  version bigint NOT NULL
);
INSERT INTO countersign.store (one, version) VALUES (1, 0);

CREATE FUNCTION countersign.refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS
  $$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'raise_exception'; END $$;

-- Documents by digest: what is the same in many revisions is here once.
CREATE TABLE countersign.object (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  digest text COLLATE "C" NOT NULL UNIQUE CHECK (length(digest) = 64),
  body text NOT NULL
);

CREATE TABLE countersign.revision (
  number bigint PRIMARY KEY CHECK (number > 0),
  parent text NOT NULL,
  content text NOT NULL,
  digest text NOT NULL,
  actor text NOT NULL,
  reason text,
  at bigint NOT NULL,
  -- JSON list of names; null: for every gateway.
  canary text
);

-- What a revision changed. What it holds is, for each name, the last change up to it; no object: it was removed.
CREATE TABLE countersign.revision_change (
  kind text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  revision bigint NOT NULL REFERENCES countersign.revision (number),
  object_id bigint REFERENCES countersign.object (id),
  PRIMARY KEY (kind, id, revision)
);
CREATE INDEX revision_change_by_revision ON countersign.revision_change (revision);
CREATE INDEX revision_change_by_object ON countersign.revision_change (object_id);

CREATE TABLE countersign.seal_key (
  id text COLLATE "C" PRIMARY KEY,
  ordinal bigint NOT NULL UNIQUE,
  public_key text NOT NULL,
  created_at bigint NOT NULL
);

CREATE TABLE countersign.sealed (
  digest text COLLATE "C" PRIMARY KEY CHECK (length(digest) = 64),
  kind text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  seal_key text COLLATE "C" NOT NULL REFERENCES countersign.seal_key (id),
  bytes bytea NOT NULL,
  put_at bigint NOT NULL
);
CREATE INDEX sealed_by_key ON countersign.sealed (seal_key, digest);

-- Which documents refer to which sealed secret.
CREATE TABLE countersign.object_sealed (
  object_id bigint NOT NULL REFERENCES countersign.object (id),
  sealed text COLLATE "C" NOT NULL REFERENCES countersign.sealed (digest),
  PRIMARY KEY (object_id, sealed)
);
CREATE INDEX object_sealed_by_sealed ON countersign.object_sealed (sealed);

CREATE TABLE countersign.audit (
  seq bigint PRIMARY KEY CHECK (seq > 0),
  at bigint NOT NULL,
  actor text COLLATE "C" NOT NULL,
  reason text,
  action text NOT NULL,
  subject text COLLATE "C" NOT NULL,
  detail text,
  row_digest text,
  hash text NOT NULL
);
CREATE INDEX audit_by_subject ON countersign.audit (subject, seq);
CREATE INDEX audit_by_actor ON countersign.audit (actor, seq);

-- The newest entry once more, so that one that is cut off the end is missed.
CREATE TABLE countersign.audit_head (
  one integer PRIMARY KEY CHECK (one = 1),
  seq bigint NOT NULL,
  hash text NOT NULL
);

CREATE TABLE countersign.account (
  id text COLLATE "C" PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE,
  role text NOT NULL,
  password_digest text,
  -- JSON with issuer and subject; null: our own user.
  provider text COLLATE "C" UNIQUE,
  disabled boolean NOT NULL,
  created_at bigint NOT NULL,
  version bigint NOT NULL
);

CREATE TABLE countersign.session (
  digest text COLLATE "C" PRIMARY KEY CHECK (length(digest) = 64),
  user_id text COLLATE "C" NOT NULL REFERENCES countersign.account (id),
  created_at bigint NOT NULL,
  expires_at bigint NOT NULL,
  used_at bigint NOT NULL
);
CREATE INDEX session_by_user ON countersign.session (user_id, used_at);
CREATE INDEX session_by_end ON countersign.session (expires_at);

CREATE TABLE countersign.token (
  id text COLLATE "C" PRIMARY KEY,
  digest text COLLATE "C" NOT NULL UNIQUE CHECK (length(digest) = 64),
  user_id text COLLATE "C" NOT NULL REFERENCES countersign.account (id),
  name text NOT NULL,
  scopes text NOT NULL,
  created_at bigint NOT NULL,
  expires_at bigint NOT NULL,
  used_at bigint
);
CREATE INDEX token_by_user ON countersign.token (user_id);

-- Written again and again by each gateway: with room in its pages a report needs no new entry in the index.
CREATE TABLE countersign.gateway (
  name text COLLATE "C" PRIMARY KEY,
  joined_at bigint NOT NULL,
  reported_at bigint NOT NULL,
  revision bigint NOT NULL,
  content text,
  report text NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE countersign.handshake_failure (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  gateway text COLLATE "C" NOT NULL,
  side text COLLATE "C" NOT NULL CHECK (side IN ('client', 'backend')),
  code text COLLATE "C" NOT NULL,
  peer text COLLATE "C" NOT NULL,
  count bigint NOT NULL,
  first_at bigint NOT NULL,
  last_at bigint NOT NULL,
  sample text NOT NULL,
  UNIQUE (gateway, side, code, peer)
);
CREATE INDEX handshake_failure_by_time ON countersign.handshake_failure (last_at, id);

CREATE TABLE countersign.idempotency_key (
  key text COLLATE "C" PRIMARY KEY,
  request text NOT NULL,
  answer text,
  begun_at bigint NOT NULL,
  expires_at bigint NOT NULL
);
CREATE INDEX idempotency_key_by_end ON countersign.idempotency_key (expires_at);
CREATE INDEX idempotency_key_by_time ON countersign.idempotency_key (begun_at);

CREATE TABLE countersign.record (
  kind text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  gateway text NOT NULL,
  bytes bytea NOT NULL,
  at bigint NOT NULL,
  expires_at bigint NOT NULL,
  version bigint NOT NULL,
  PRIMARY KEY (kind, key)
);
CREATE INDEX record_by_end ON countersign.record (kind, expires_at);
${['object', 'revision', 'revision_change', 'object_sealed', 'audit'].map(appendOnly).join('')}
`;
