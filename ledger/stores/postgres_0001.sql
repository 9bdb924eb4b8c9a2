-- Version 1: the rows of ledger/store.py, for several logs in one database.
--
-- What is written is never changed: guards refuse UPDATE, DELETE and TRUNCATE to everybody, and the application's role is granted
-- SELECT and INSERT alone (postgres_grants.sql). The few rows that do move (the head, counters, census tiles, what is forgotten)
-- move through the functions below, which run with the rights of the owner. SQLSTATE: TY001 a row is not the next one,
-- TY002 append-only, TY003 the head row and the entries contradict each other, TY004 no such log.

CREATE SCHEMA tallystick;

CREATE TABLE tallystick.schema_version (
    version integer PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE tallystick.log (
    log integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    origin text COLLATE "C" NOT NULL UNIQUE,
    format text COLLATE "C" NOT NULL
);
-- The one row of a log that is locked: whoever holds it is the log's writer.
CREATE TABLE tallystick.head (
    log integer PRIMARY KEY,
    size bigint NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE tallystick.entry (
    log integer NOT NULL,
    seq bigint NOT NULL,
    header bytea NOT NULL,
    PRIMARY KEY (log, seq)
);
CREATE TABLE tallystick.body (
    log integer NOT NULL,
    seq bigint NOT NULL,
    salt bytea NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (log, seq)
);
CREATE TABLE tallystick.part (
    log integer NOT NULL,
    seq bigint NOT NULL,
    pointer text COLLATE "C" NOT NULL,
    commitment bytea NOT NULL,
    sealed bytea NOT NULL,
    PRIMARY KEY (log, seq, pointer),
    UNIQUE (log, commitment)
);
CREATE TABLE tallystick.identity (
    log integer NOT NULL,
    id text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    content bytea,
    PRIMARY KEY (log, id, source)
);
CREATE TABLE tallystick.retry (
    log integer NOT NULL,
    content bytea NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (log, content)
);
CREATE TABLE tallystick.stream (
    log integer NOT NULL,
    name text COLLATE "C" NOT NULL,
    hash bytea NOT NULL,
    count bigint NOT NULL,
    counted bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (log, name)
) WITH (fillfactor = 70);
CREATE INDEX stream_hash ON tallystick.stream (log, hash);
-- Names of streams whose count changed since the last census: a table and no index, so that counting moves no index entry.
CREATE TABLE tallystick.uncounted (
    log integer NOT NULL,
    name text COLLATE "C" NOT NULL,
    PRIMARY KEY (log, name)
);
CREATE TABLE tallystick.tile (
    log integer NOT NULL,
    level integer NOT NULL,
    idx bigint NOT NULL,
    root bytea NOT NULL,
    hashes bytea NOT NULL,
    PRIMARY KEY (log, level, idx)
);
CREATE TABLE tallystick.census_tile (
    log integer NOT NULL,
    level integer NOT NULL,
    idx bigint NOT NULL,
    hashes bytea NOT NULL,
    PRIMARY KEY (log, level, idx)
);
CREATE TABLE tallystick.checkpoint (
    log integer NOT NULL,
    size bigint NOT NULL,
    note bytea NOT NULL,
    PRIMARY KEY (log, size)
);
-- Holds a row for the length of one call of forget(), and never otherwise: it opens the guards for what must go.
CREATE TABLE tallystick.forgetting (
    log integer PRIMARY KEY
);

CREATE FUNCTION tallystick.refuse() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: no %', TG_TABLE_NAME, lower(TG_OP) USING ERRCODE = 'TY002';
END $$;

CREATE FUNCTION tallystick.refuse_unless_forgetting() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM tallystick.forgetting) THEN
        RAISE EXCEPTION '% is append-only: no %', TG_TABLE_NAME, lower(TG_OP) USING ERRCODE = 'TY002';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION tallystick.advance_head() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    added record;
BEGIN
    FOR added IN SELECT log, min(seq) AS first, max(seq) AS last, count(*) AS rows FROM added_entries GROUP BY log LOOP
        UPDATE tallystick.head SET size = added.last + 1
            WHERE log = added.log AND size = added.first AND added.last + 1 - added.first = added.rows;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'entry is append-only: seq % is not the next, or leaves a gap', added.first USING ERRCODE = 'TY001';
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

CREATE FUNCTION tallystick.create_log(wanted text) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made integer;
BEGIN
    INSERT INTO tallystick.log (origin, format) VALUES (wanted, '1') RETURNING log INTO made;
    INSERT INTO tallystick.head VALUES (made, 0);
    RETURN made;
END $$;

-- Waits for the writer's lock, at most so many milliseconds, and returns the log's size; the lock is held until the transaction ends.
CREATE FUNCTION tallystick.lock_log(wanted integer, wait_ms integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before text := current_setting('lock_timeout');
    said bigint;
    stored bigint;
BEGIN
    PERFORM set_config('lock_timeout', wait_ms::text, true);
    SELECT size INTO said FROM tallystick.head WHERE log = wanted FOR UPDATE;
    PERFORM set_config('lock_timeout', before, true);
    IF said IS NULL THEN
        RAISE EXCEPTION 'there is no log %', wanted USING ERRCODE = 'TY004';
    END IF;
    SELECT coalesce(max(seq) + 1, 0) INTO stored FROM tallystick.entry WHERE log = wanted;
    IF said <> stored THEN
        RAISE EXCEPTION 'the head row says % entries, and % are stored', said, stored USING ERRCODE = 'TY003';
    END IF;
    RETURN stored;
END $$;

CREATE FUNCTION tallystick.count_streams(wanted integer, names text[], counts bigint[]) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO tallystick.stream (log, name, hash, count)
        SELECT wanted, name, sha256(convert_to(name, 'UTF8')), count FROM unnest(names, counts) AS new (name, count)
        ON CONFLICT (log, name) DO UPDATE SET count = excluded.count;
    INSERT INTO tallystick.uncounted SELECT wanted, name FROM unnest(names) AS name ON CONFLICT DO NOTHING;
$$;

CREATE FUNCTION tallystick.mark_counted(wanted integer) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE tallystick.stream SET counted = count
        FROM tallystick.uncounted
        WHERE uncounted.log = wanted AND stream.log = wanted AND stream.name = uncounted.name;
    DELETE FROM tallystick.uncounted WHERE log = wanted;
$$;

CREATE FUNCTION tallystick.put_census_tiles(wanted integer, levels integer[], idxs bigint[], hashes bytea[]) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO tallystick.census_tile
        SELECT wanted, level, idx, hash FROM unnest(levels, idxs, hashes) AS new (level, idx, hash)
        ON CONFLICT (log, level, idx) DO UPDATE SET hashes = excluded.hashes;
$$;

CREATE FUNCTION tallystick.forget(wanted integer, commitments bytea[], seqs bigint[]) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO tallystick.forgetting VALUES (wanted);
    DELETE FROM tallystick.part WHERE log = wanted AND commitment = ANY (commitments);
    UPDATE tallystick.identity SET content = NULL WHERE log = wanted AND seq = ANY (seqs) AND content IS NOT NULL;
    DELETE FROM tallystick.retry WHERE log = wanted AND seq = ANY (seqs);
    DELETE FROM tallystick.forgetting WHERE log = wanted;
$$;

CREATE TRIGGER entry_in_order AFTER INSERT ON tallystick.entry REFERENCING NEW TABLE AS added_entries
    FOR EACH STATEMENT EXECUTE FUNCTION tallystick.advance_head();

CREATE TRIGGER schema_version_frozen BEFORE UPDATE OR DELETE OR TRUNCATE ON tallystick.schema_version
    FOR EACH STATEMENT EXECUTE FUNCTION tallystick.refuse();
CREATE TRIGGER log_frozen BEFORE UPDATE OR DELETE OR TRUNCATE ON tallystick.log
    FOR EACH STATEMENT EXECUTE FUNCTION tallystick.refuse();
CREATE TRIGGER entry_frozen BEFORE UPDATE OR DELETE OR TRUNCATE ON tallystick.entry
    FOR EACH STATEMENT EXECUTE FUNCTION tallystick.refuse();
CREATE TRIGGER tile_frozen BEFORE UPDATE OR DELETE OR TRUNCATE ON tallystick.tile
    FOR EACH STATEMENT EXECUTE FUNCTION tallystick.refuse();
CREATE TRIGGER checkpoint_frozen BEFORE UPDATE OR DELETE OR TRUNCATE ON tallystick.checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION tallystick.refuse();

CREATE TRIGGER body_frozen BEFORE UPDATE OR TRUNCATE ON tallystick.body
    FOR EACH STATEMENT EXECUTE FUNCTION tallystick.refuse();
CREATE TRIGGER body_kept BEFORE DELETE ON tallystick.body
    FOR EACH STATEMENT EXECUTE FUNCTION tallystick.refuse_unless_forgetting();
CREATE TRIGGER part_frozen BEFORE UPDATE OR TRUNCATE ON tallystick.part
    FOR EACH STATEMENT EXECUTE FUNCTION tallystick.refuse();
CREATE TRIGGER part_kept BEFORE DELETE ON tallystick.part
    FOR EACH STATEMENT EXECUTE FUNCTION tallystick.refuse_unless_forgetting();
CREATE TRIGGER identity_frozen BEFORE DELETE OR TRUNCATE ON tallystick.identity
    FOR EACH STATEMENT EXECUTE FUNCTION tallystick.refuse();
CREATE TRIGGER identity_kept BEFORE UPDATE ON tallystick.identity
    FOR EACH STATEMENT EXECUTE FUNCTION tallystick.refuse_unless_forgetting();
CREATE TRIGGER retry_frozen BEFORE UPDATE OR TRUNCATE ON tallystick.retry
    FOR EACH STATEMENT EXECUTE FUNCTION tallystick.refuse();
CREATE TRIGGER retry_kept BEFORE DELETE ON tallystick.retry
    FOR EACH STATEMENT EXECUTE FUNCTION tallystick.refuse_unless_forgetting();

CREATE TRIGGER head_frozen BEFORE DELETE OR TRUNCATE ON tallystick.head
    FOR EACH STATEMENT EXECUTE FUNCTION tallystick.refuse();
CREATE TRIGGER stream_frozen BEFORE DELETE OR TRUNCATE ON tallystick.stream
    FOR EACH STATEMENT EXECUTE FUNCTION tallystick.refuse();
CREATE TRIGGER census_tile_frozen BEFORE DELETE OR TRUNCATE ON tallystick.census_tile
    FOR EACH STATEMENT EXECUTE FUNCTION tallystick.refuse();
CREATE TRIGGER uncounted_frozen BEFORE UPDATE OR TRUNCATE ON tallystick.uncounted
    FOR EACH STATEMENT EXECUTE FUNCTION tallystick.refuse();
CREATE TRIGGER forgetting_frozen BEFORE UPDATE OR TRUNCATE ON tallystick.forgetting
    FOR EACH STATEMENT EXECUTE FUNCTION tallystick.refuse();

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA tallystick FROM PUBLIC;

INSERT INTO tallystick.schema_version (version) VALUES (1);
