-- What the schema of the ledger consists of, one (kind, name, definition) a row, in words that are the same on every version of
-- PostgreSQL. `fsck` holds it to postgres_objects.txt.
SELECT kind, name COLLATE "C", definition FROM (
    SELECT CASE c.relkind WHEN 'r' THEN 'table' ELSE 'relation' END AS kind, c.relname::text AS name,
        format('%s%s%s%s rules=%s policies=%s parents=%s (%s)', c.relkind, c.relpersistence,
            CASE WHEN c.relrowsecurity THEN ' rowsecurity' END, CASE WHEN c.relispartition THEN ' partition' END,
            (SELECT count(*) FROM pg_rewrite r WHERE r.ev_class = c.oid),
            (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid),
            (SELECT count(*) FROM pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent)),
            (SELECT string_agg(format('%s %s%s%s%s%s', a.attname, format_type(a.atttypid, a.atttypmod),
                    CASE WHEN a.attnotnull THEN ' not null' END,
                    CASE WHEN o.collname IS DISTINCT FROM 'default' THEN ' ' || o.collname END,
                    CASE WHEN a.atthasdef THEN ' default' END,
                    CASE WHEN a.attidentity <> '' THEN ' identity' END), ', ' ORDER BY a.attnum)
                FROM pg_attribute a LEFT JOIN pg_collation o ON o.oid = a.attcollation
                WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)) AS definition
        FROM pg_class c WHERE c.relnamespace = to_regnamespace('tallystick') AND c.relkind NOT IN ('i', 'I', 'S')
    UNION ALL
    SELECT 'index', c.relname::text,
        format('on %s%s%s%s (%s)', t.relname, CASE WHEN i.indisunique THEN ' unique' END,
            CASE WHEN i.indisprimary THEN ' primary' END,
            CASE WHEN NOT i.indisvalid OR i.indpred IS NOT NULL OR i.indexprs IS NOT NULL THEN ' other' END,
            (SELECT string_agg(a.attname::text, ', ' ORDER BY k.at) FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (num, at)
                JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.num))
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
        WHERE t.relnamespace = to_regnamespace('tallystick')
    UNION ALL
    SELECT 'trigger', g.tgname::text,
        format('on %s %s %s calls %s%s%s', t.relname, g.tgtype, g.tgenabled, p.proname,
            CASE WHEN g.tgqual IS NOT NULL OR array_length(g.tgattr::int2[], 1) > 0 THEN ' limited' END,
            coalesce(' new=' || g.tgnewtable, ''))
        FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid JOIN pg_proc p ON p.oid = g.tgfoid
        WHERE t.relnamespace = to_regnamespace('tallystick') AND NOT g.tgisinternal
    UNION ALL
    SELECT 'function', p.proname::text,
        format('(%s) %s %s%s %s', oidvectortypes(p.proargtypes), l.lanname, CASE WHEN p.prosecdef THEN 'definer ' END,
            array_to_string(p.proconfig, ' '), encode(sha256(convert_to(p.prosrc, 'UTF8')), 'hex'))
        FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE p.pronamespace = to_regnamespace('tallystick')
    UNION ALL
    SELECT 'constraint', o.conname::text, format('on %s %s', t.relname, o.contype)
        FROM pg_constraint o JOIN pg_class t ON t.oid = o.conrelid
        WHERE t.relnamespace = to_regnamespace('tallystick') AND o.contype NOT IN ('p', 'u', 'n')
) AS objects ORDER BY 1, 2, 3
