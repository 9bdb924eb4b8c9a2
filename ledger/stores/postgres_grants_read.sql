-- What a reader's role may do: an auditor, a report, a server that only answers.
GRANT USAGE ON SCHEMA tallystick TO {role};
GRANT SELECT ON ALL TABLES IN SCHEMA tallystick TO {role};
