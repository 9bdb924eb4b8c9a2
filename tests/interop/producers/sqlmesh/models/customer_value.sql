MODEL (name shop.customer_value, kind FULL);
SELECT customer_id, SUM(amount) AS value FROM shop.orders GROUP BY customer_id
