select * from {{ ref('orders') }} where not regexp_full_match(email, '[^@]+@[^@]+')
