select 1 as id, 40 as age
