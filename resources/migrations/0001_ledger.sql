-- The provenance ledger: one hash chain per name, to which rows are only ever added.

-- The role that the program works as. It may be missing where we may not create roles; then the
-- connection's own role does the work, and the triggers below alone refuse changes.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'greenlang_app') THEN
        CREATE ROLE greenlang_app NOLOGIN;
    END IF;
EXCEPTION
    WHEN insufficient_privilege THEN NULL;
    WHEN duplicate_object THEN NULL;
    WHEN unique_violation THEN NULL;
END
$$;

CREATE TABLE greenlang.ledger (
    chain text NOT NULL CHECK (chain <> ''),
    seq bigint NOT NULL CHECK (seq > 0),
    -- The canonical text whose SHA-256 is entry_sha256. The columns after it are read from it by the
    -- server, so they can never say anything else.
    entry text NOT NULL,
    asset text NOT NULL GENERATED ALWAYS AS ((entry::jsonb) ->> 'asset') STORED,
    partition text GENERATED ALWAYS AS ((entry::jsonb) ->> 'partition') STORED,
    content_sha256 text NOT NULL GENERATED ALWAYS AS ((entry::jsonb) ->> 'content_sha256') STORED,
    entry_sha256 text NOT NULL CHECK (entry_sha256 ~ '^[0-9a-f]{64}$'),
    run_id text NOT NULL CHECK (run_id <> ''),
    recorded_at timestamptz NOT NULL,
    prev_sha256 text NOT NULL CHECK (prev_sha256 ~ '^[0-9a-f]{64}$'),
    chain_sha256 text NOT NULL UNIQUE CHECK (chain_sha256 ~ '^[0-9a-f]{64}$'),
    PRIMARY KEY (chain, seq),
    -- One successor for each link: a chain cannot fork.
    UNIQUE (chain, prev_sha256),
    -- A run records an entry once, however often a step is tried again.
    UNIQUE (chain, run_id, entry_sha256)
);
CREATE INDEX ledger_asset ON greenlang.ledger (chain, asset, partition, seq DESC);
CREATE INDEX ledger_content ON greenlang.ledger (content_sha256);
CREATE INDEX ledger_entry ON greenlang.ledger (entry_sha256);

-- Where rows stand in stored tables. Derived from the store, and rebuilt from it at any time.
CREATE TABLE greenlang.ledger_leaf (
    leaf_sha256 text NOT NULL,
    content_sha256 text NOT NULL,
    row_number bigint NOT NULL CHECK (row_number > 0),
    PRIMARY KEY (leaf_sha256, content_sha256, row_number)
);
CREATE INDEX ledger_leaf_content ON greenlang.ledger_leaf (content_sha256);

CREATE FUNCTION greenlang.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'greenlang.% is append-only: % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER ledger_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON greenlang.ledger
    FOR EACH STATEMENT EXECUTE FUNCTION greenlang.refuse_change();

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'greenlang_app') THEN
        GRANT USAGE ON SCHEMA greenlang TO greenlang_app;
        GRANT SELECT ON greenlang.schema_migration TO greenlang_app;
        GRANT SELECT, INSERT ON greenlang.ledger TO greenlang_app;
        GRANT SELECT, INSERT, DELETE ON greenlang.ledger_leaf TO greenlang_app;
    END IF;
END
$$;
