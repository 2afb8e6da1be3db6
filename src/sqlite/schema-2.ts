// Several gateways on one store: revisions that are not for all of them, what they share, and users of an identity provider.
export const schema2 = `
-- JSON list of names; null: for every gateway.
ALTER TABLE revision ADD COLUMN canary TEXT;

-- JSON with issuer and subject; null: our own user.
ALTER TABLE user ADD COLUMN provider TEXT;
CREATE UNIQUE INDEX user_by_provider ON user (provider) WHERE provider IS NOT NULL;

CREATE TABLE record (
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  gateway TEXT NOT NULL,
  bytes BLOB NOT NULL,
  at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (kind, key)
) STRICT;
CREATE INDEX record_by_end ON record (kind, expires_at);
`;
