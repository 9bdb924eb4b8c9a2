select id as customer_id, country from {{ ref('raw_customers') }}
