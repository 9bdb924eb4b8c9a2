select * from read_parquet('{{ var("file") }}')
