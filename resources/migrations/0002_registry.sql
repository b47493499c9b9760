-- The registry: agents, their versions, certificates and deployments, one set a tenant.

-- Every table starts its keys with the tenant, so that nobody learns from a refused key what another tenant
-- has. What was registered is never changed or taken away: the program's role may add rows and set the few
-- columns that say how a thing stands now.

CREATE TABLE greenlang.agent (
    tenant text NOT NULL CHECK (tenant ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    agent_id text NOT NULL CHECK (agent_id <> ''),
    name text NOT NULL,
    description text NOT NULL,
    owner_team text NOT NULL,
    type text NOT NULL,
    tags text[] NOT NULL,
    -- The version that callers get who name none; null while no version is active.
    current_version text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, agent_id)
);

CREATE TABLE greenlang.certificate (
    tenant text NOT NULL CHECK (tenant <> ''),
    certificate_id text NOT NULL CHECK (certificate_id <> ''),
    agent_id text NOT NULL,
    version text NOT NULL,
    artifact_sha256 text NOT NULL CHECK (artifact_sha256 ~ '^[0-9a-f]{64}$'),
    -- The certificate's canonical bytes are kept in the store under this hash.
    content_sha256 text NOT NULL CHECK (content_sha256 ~ '^[0-9a-f]{64}$'),
    registered_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, certificate_id),
    FOREIGN KEY (tenant, agent_id) REFERENCES greenlang.agent (tenant, agent_id)
);

CREATE TABLE greenlang.agent_version (
    tenant text NOT NULL CHECK (tenant <> ''),
    agent_id text NOT NULL,
    version text NOT NULL CHECK (version <> ''),
    status text NOT NULL CHECK (status IN ('draft', 'active', 'deprecated', 'retired')),
    spec_sha256 text NOT NULL CHECK (spec_sha256 ~ '^[0-9a-f]{64}$'),
    artifact_sha256 text NOT NULL CHECK (artifact_sha256 ~ '^[0-9a-f]{64}$'),
    certificate_id text,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL CHECK (created_by <> ''),
    changelog text NOT NULL,
    PRIMARY KEY (tenant, agent_id, version),
    FOREIGN KEY (tenant, agent_id) REFERENCES greenlang.agent (tenant, agent_id),
    FOREIGN KEY (tenant, certificate_id) REFERENCES greenlang.certificate (tenant, certificate_id),
    CHECK (status = 'draft' OR status = 'retired' OR certificate_id IS NOT NULL)
);

-- What people decided about a version, and why; only ever added to.
CREATE TABLE greenlang.status_decision (
    tenant text NOT NULL CHECK (tenant <> ''),
    seq bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    agent_id text NOT NULL,
    version text NOT NULL,
    from_status text NOT NULL,
    to_status text NOT NULL,
    reason text NOT NULL CHECK (length(reason) >= 10),
    decided_by text NOT NULL CHECK (decided_by <> ''),
    decided_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, seq),
    FOREIGN KEY (tenant, agent_id, version) REFERENCES greenlang.agent_version (tenant, agent_id, version)
);

CREATE TABLE greenlang.deployment (
    tenant text NOT NULL CHECK (tenant <> ''),
    agent_id text NOT NULL,
    version text NOT NULL,
    environment text NOT NULL CHECK (environment <> ''),
    status text NOT NULL CHECK (status IN (
        'PENDING', 'PROGRESSING', 'CANARY', 'LIVE', 'ROLLED_BACK', 'FAILED', 'REMOVED'
    )),
    certificate_id text NOT NULL,
    -- Code of what stopped it; null when nothing did.
    fault text,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, agent_id, version, environment),
    FOREIGN KEY (tenant, agent_id, version) REFERENCES greenlang.agent_version (tenant, agent_id, version),
    FOREIGN KEY (tenant, certificate_id) REFERENCES greenlang.certificate (tenant, certificate_id)
);

-- Work that was asked for and answered with 202. How it stands is read from what the factory recorded.
CREATE TABLE greenlang.factory_operation (
    tenant text NOT NULL CHECK (tenant <> ''),
    operation_id uuid NOT NULL,
    object_key text NOT NULL,
    file_sha256 text NOT NULL CHECK (file_sha256 ~ '^[0-9a-f]{64}$'),
    spec_sha256 text NOT NULL CHECK (spec_sha256 ~ '^[0-9a-f]{64}$'),
    agent_id text NOT NULL,
    version text NOT NULL,
    created_by text NOT NULL CHECK (created_by <> ''),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, operation_id)
);

-- Bearer tokens, as hashes: who holds this table holds no token.
CREATE TABLE greenlang.api_token (
    tenant text NOT NULL CHECK (tenant ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    token_sha256 text NOT NULL CHECK (token_sha256 ~ '^[0-9a-f]{64}$'),
    actor text NOT NULL CHECK (actor <> ''),
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,
    PRIMARY KEY (tenant, token_sha256)
);

-- One policy for all of them: a transaction sees the rows of the tenant that it named, and none before it
-- names one. After a transaction the setting reads '' rather than null, which no row's tenant equals. The
-- subquery is evaluated once a statement, not once a row.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'agent', 'certificate', 'agent_version', 'status_decision', 'deployment', 'factory_operation', 'api_token'
    ] LOOP
        EXECUTE format('ALTER TABLE greenlang.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE greenlang.%I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY own_tenant ON greenlang.%I'
            ' USING (tenant = (SELECT current_setting(''greenlang.tenant'', true)))'
            ' WITH CHECK (tenant = (SELECT current_setting(''greenlang.tenant'', true)))', name
        );
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'greenlang_app') THEN
        GRANT SELECT, INSERT ON greenlang.agent, greenlang.certificate, greenlang.agent_version,
            greenlang.status_decision, greenlang.deployment, greenlang.factory_operation, greenlang.api_token
            TO greenlang_app;
        GRANT UPDATE (name, description, owner_team, type, tags, current_version, updated_at)
            ON greenlang.agent TO greenlang_app;
        GRANT UPDATE (status, certificate_id) ON greenlang.agent_version TO greenlang_app;
        GRANT UPDATE (status, certificate_id, fault, updated_at) ON greenlang.deployment TO greenlang_app;
        GRANT UPDATE (revoked_at) ON greenlang.api_token TO greenlang_app;
    END IF;
END
$$;
