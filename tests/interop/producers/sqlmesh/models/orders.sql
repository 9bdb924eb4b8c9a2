MODEL (name shop.orders, kind FULL);
SELECT 10 AS order_id, 1 AS customer_id, 20.5 AS amount
UNION ALL SELECT 11, 1, 3.0
