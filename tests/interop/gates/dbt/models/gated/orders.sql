select unnest({{ var('ids') }}) as id, 5 as amount
