-- What an application's role may do: read everything and add to it. It owns nothing, and nothing here lets it change what is written.
GRANT USAGE ON SCHEMA tallystick TO {role};
GRANT SELECT ON ALL TABLES IN SCHEMA tallystick TO {role};
GRANT INSERT ON tallystick.entry, tallystick.body, tallystick.part, tallystick.identity, tallystick.retry, tallystick.tile,
    tallystick.checkpoint TO {role};
GRANT EXECUTE ON FUNCTION tallystick.create_log(text), tallystick.lock_log(integer, integer),
    tallystick.count_streams(integer, text[], bigint[]), tallystick.mark_counted(integer),
    tallystick.put_census_tiles(integer, integer[], bigint[], bytea[]), tallystick.forget(integer, bytea[], bigint[]) TO {role};
